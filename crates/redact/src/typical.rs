//! Which pairs of bytes build output is made of, so that the gate asks for others.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Words of the tools that builds run. Nothing depends on their completeness but speed.
const WORDS: &str = " https://registry.example.org/ https://www.github.com/ http://localhost:3000/ .com/ .io/ .dev/ /api/ /app/ \
    error: warning: warn info: debug trace ERROR WARNING WARN INFO Error Warning server service services client register \
    resolve resolved integrity registry sha512- package packages package.json node_modules modules module version versions \
    install installed installing download downloaded downloading compile compiled compiling compilation build built building \
    bundle transform transforming rendering render chunks chunk assets asset index static public source sources dist size \
    gzip: total time took done finished success successfully failed failure running started starting ready listening local \
    network server. route routes router page pages path paths file files folder directory string strings number boolean \
    object function return const import export default from interface type types typescript javascript react config \
    configuration settings option options customer custom extension functions component components container image layer \
    test tests testing passed expected received assert assertion unexpected property properties does not exist exists \
    assigned never used unused deprecated longer supported support please upgrade update updated instead missing found \
    and the with for this that not npm node python pip cargo docker webpack vite next rollup eslint postcss Compiling \
    stderr stdout stdin process exit code status method request response message messages event events action Downloading \
    cache cached caching collecting requirement satisfied using preparing fetching extracting unpacking linking Collecting \
    signal signed design designed buffer sandbox console inspect operation translation depends prepare linux \
    order reader diff environment production development variable variables native library header headers content length storage Module \
    [000001] [000100] 0000 0001 0010 0100 1000 2024 2025 2026 127.0.0.1 0.0.0.0 10:42:31 12.34 kB │ 56.78 kB 123ms 4.5s \
    src/components/Button.tsx:12:34 dist/assets/index-a1b2c3d4.js node:internal/modules/cjs/loader:1234:56    at Object.  \
    ./src/app.ts ../lib/main.css .svg .png .json .html .map .rs .py (12.3 MB) -> => == -- ---- ==== #12 0.345 ... ";

/// What every second line holds.
const FREQUENT: &str = " https://registry http://localhost setup value values src/components/index.tsx index.js index.html test tests \
    module modules chunk chunk-a1b2c3d4.js dist/assets/ error warning signal unexpected inspect assigned design buffer \
    export sandbox console total spawn install package version server process description characters ";

/// A few hundred lines that such tools wrote.
const LINES: &str = include_str!("typical.txt");

/// How often each pair and each four bytes are met.
struct Met {
    pairs: Box<[u16]>,
    fours: HashMap<[u8; 4], u64>,
}

static MET: LazyLock<Met> = LazyLock::new(|| {
    let mut met = Met {
        pairs: vec![0; 1 << 16].into_boxed_slice(),
        fours: HashMap::new(),
    };
    for (words, often) in [(WORDS, 1), (FREQUENT, 8), (LINES, 2)] {
        for pair in words.as_bytes().windows(2) {
            let pair = &mut met.pairs[usize::from(u16::from_le_bytes([pair[0], pair[1]]))];
            *pair = pair.saturating_add(often);
        }
        for four in words.as_bytes().windows(4) {
            let four = [four[0], four[1], four[2], four[3]].map(|byte| byte.to_ascii_lowercase());
            *met.fours.entry(four).or_default() += u64::from(often);
        }
    }
    met
});

/// How often a pair of bytes is met, where one that was never seen still counts a little.
pub(crate) fn pair(first: u8, second: u8) -> u64 {
    let met = u64::from(MET.pairs[usize::from(u16::from_le_bytes([first, second]))]);
    let printed = first.is_ascii_graphic() && second.is_ascii_graphic();
    64 * met + if printed { 4 } else { 1 }
}

/// How often four bytes are met, in whatever case.
pub(crate) fn four(bytes: [u8; 4]) -> u64 {
    let bytes = bytes.map(|byte| byte.to_ascii_lowercase());
    MET.fours.get(&bytes).copied().unwrap_or(0)
}

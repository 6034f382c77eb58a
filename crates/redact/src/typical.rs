//! Which pairs of bytes build output is made of, so that the gate asks for others.

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

static PAIRS: LazyLock<Box<[u16]>> = LazyLock::new(|| {
    let mut counts = vec![0u16; 1 << 16].into_boxed_slice();
    for pair in WORDS.as_bytes().windows(2) {
        counts[usize::from(u16::from_le_bytes([pair[0], pair[1]]))] += 1;
    }
    for pair in FREQUENT.as_bytes().windows(2) {
        counts[usize::from(u16::from_le_bytes([pair[0], pair[1]]))] += 8;
    }
    counts
});

/// How often a pair of bytes is met, where one that was never seen still counts a little.
pub(crate) fn pair(first: u8, second: u8) -> u64 {
    let met = u64::from(PAIRS[usize::from(u16::from_le_bytes([first, second]))]);
    let printed = first.is_ascii_graphic() && second.is_ascii_graphic();
    64 * met + if printed { 4 } else { 1 }
}

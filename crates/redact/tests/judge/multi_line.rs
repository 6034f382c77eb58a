//! Secrets over several lines: private keys in every dress, and files whose lines explain each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dice::{Dice, either, secret};
use crate::verdict::{Case, Score};

const BEFORE: &str = "Writing deploy key to /home/ci/.ssh/id_deploy";
const AFTER: &[&str] = &[
    "Identity added: /home/ci/.ssh/id_deploy (ci@example.com)",
    "Cloning into 'web'...",
    "remote: Enumerating objects: 1274, done.",
];

/// A private key: each of its lines, the first and last of which give nothing away.
struct Key {
    kind: &'static str,
    first: String,
    body: Vec<String>,
    last: String,
}

impl Key {
    fn marked(&self) -> Vec<String> {
        let mut lines = vec![either(&self.first)];
        lines.extend(self.marked_body());
        if !self.last.is_empty() {
            lines.push(either(&self.last));
        }
        lines
    }

    fn marked_body(&self) -> Vec<String> {
        let mark = |line: &String| match line {
            line if line.contains(": ") || line.len() < 8 => either(line),
            line => secret(line),
        };
        self.body.iter().map(mark).collect()
    }

    /// The whole as one text with this between its lines.
    fn joined(&self, between: &str) -> String {
        let body = self.marked_body();
        [either(&self.first), body.join(&either(between)), either(&self.last)].join(&either(between))
    }

    fn plain(&self) -> String {
        format!("{}\n{}\n{}\n", self.first, self.body.join("\n"), self.last)
    }
}

fn armour(label: &str) -> (String, String) {
    let dashes = "-".repeat(5);
    (
        format!("{dashes}BEGIN {label}{dashes}"),
        format!("{dashes}END {label}{dashes}"),
    )
}

fn base64_lines(dice: &mut Dice, width: usize, lines: usize) -> Vec<String> {
    let mut body: Vec<String> = (1..lines).map(|_| dice.chars("b", width)).collect();
    let rest = 11 + 4 * dice.below(width / 4 - 4);
    body.push(format!("{}=", dice.chars("b", rest)));
    body
}

fn keys(dice: &mut Dice) -> Vec<Key> {
    let mut keys = Vec::new();
    for (label, width, lines) in [
        ("RSA PRIVATE KEY", 64, 25),
        ("EC PRIVATE KEY", 64, 3),
        ("DSA PRIVATE KEY", 64, 10),
        ("PRIVATE KEY", 64, 26),
        ("PRIVATE KEY", 64, 3),
        ("PRIVATE KEY", 76, 12),
        ("ENCRYPTED PRIVATE KEY", 64, 28),
        ("OPENSSH PRIVATE KEY", 70, 5),
        ("OPENSSH PRIVATE KEY", 70, 37),
        ("ANY PRIVATE KEY", 64, 8),
    ] {
        let (first, last) = armour(label);
        keys.push(Key {
            kind: label,
            first,
            body: base64_lines(dice, width, lines),
            last,
        });
    }
    let (first, last) = armour("RSA PRIVATE KEY");
    let mut body = base64_lines(dice, 64, 25);
    body.insert(0, String::new());
    body.insert(0, format!("DEK-Info: AES-256-CBC,{}", dice.chars("H", 32)));
    body.insert(0, "Proc-Type: 4,ENCRYPTED".to_owned());
    keys.push(Key {
        kind: "RSA PRIVATE KEY with headers",
        first,
        body,
        last,
    });
    let (first, last) = armour("PGP PRIVATE KEY BLOCK");
    let mut body = base64_lines(dice, 64, 30);
    body.insert(0, String::new());
    body.insert(0, "Version: GnuPG v2".to_owned());
    body.push(format!("={}", dice.chars("b", 4)));
    keys.push(Key {
        kind: "PGP PRIVATE KEY BLOCK",
        first,
        body,
        last,
    });
    let mut body = base64_lines(dice, 70, 12);
    body.insert(0, "Comment: \"rsa-key-20260101\"".to_owned());
    keys.push(Key {
        kind: "SSH2 PRIVATE KEY",
        first: format!("{0} BEGIN SSH2 ENCRYPTED PRIVATE KEY {0}", "-".repeat(4)),
        body,
        last: format!("{0} END SSH2 ENCRYPTED PRIVATE KEY {0}", "-".repeat(4)),
    });
    keys
}

/// PuTTY's own file, marked: its public part may be read by anyone.
fn putty(dice: &mut Dice, version: usize) -> Vec<String> {
    let mut lines = vec![
        either(&format!("PuTTY-User-Key-File-{version}: ssh-rsa")),
        either("Encryption: none"),
        either("Comment: rsa-key-20260101"),
        either("Public-Lines: 6"),
    ];
    lines.extend((0..6).map(|_| either(&dice.chars("b", 64))));
    if version == 3 {
        lines.push(either("Key-Derivation: Argon2id"));
        lines.push(either("Argon2-Memory: 8192"));
    }
    lines.push(either("Private-Lines: 14"));
    lines.extend((0..14).map(|_| secret(&dice.chars("b", 64))));
    lines.push(format!(
        "{}{}",
        either("Private-MAC: "),
        either(&dice.chars("h", if version == 3 { 64 } else { 40 }))
    ));
    lines
}

/// What a tool puts before (and after) each line it passes on; `{}` is the line, `#` a number that counts up.
const DRESSES: &[(&str, &str)] = &[
    ("plain", "{}"),
    ("indented by 2", "  {}"),
    ("indented by 8", "        {}"),
    ("indented by a tab", "\t{}"),
    ("docker step", "#9 0.3 {}"),
    ("docker step, long", "#12 10.345 {}"),
    ("timestamp", "2026-11-23T14:58:05.123Z {}"),
    ("timestamp with spaces", "2026-11-23 14:58:05,123 INFO  {}"),
    ("clock", "[14:58:05] {}"),
    ("shell trace", "+ {}"),
    ("quoted mail", "> {}"),
    ("code frame", "  %% | {}"),
    ("code frame marked", "> %% | {}"),
    ("line numbers", "    %%\t{}"),
    ("grep", "deploy/key.pem:%%:{}"),
    ("compose", "web-1  | {}"),
    ("diff added", "+{}"),
    ("diff removed", "-{}"),
    ("kubernetes", "2026-11-23T14:58:05.123456789Z stdout F {}"),
    ("comment", "# {}"),
    ("slashes", "// {}"),
    ("script concatenation", "  \"{}\\n\" +"),
    ("single quoted", "  '{}',"),
    ("journal", "Nov 23 14:58:05 build-7 runner[412]: {}"),
    ("lerna", "@acme/web: {}"),
    ("remote", "remote: {}"),
    ("github group", "2026-11-23T14:58:05.1234567Z   {}"),
];

fn dressed(dress: &str, line: &str, number: usize) -> String {
    dress.replace("%%", &format!("{number:>2}")).replace("{}", line)
}

/// A text in some of the dresses.
fn in_dresses(score: &mut Score, what: &str, text: &str, dresses: &[usize]) {
    for (place, dress) in dresses.iter().map(|at| DRESSES[*at]) {
        let lines = text.lines().map(|line| dressed(dress, line, 1)).collect();
        score.add(&Case::new(what, place, lines));
    }
}

fn with_neighbours(lines: Vec<String>) -> Vec<String> {
    let mut all = vec![BEFORE.to_owned()];
    all.extend(lines);
    all.extend(AFTER.iter().map(|line| (*line).to_owned()));
    all
}

pub(crate) fn run(score: &mut Score) {
    let mut dice = Dice::new(3);
    for _ in 0..2 {
        for key in keys(&mut dice) {
            whole_keys(score, &mut dice, &key);
            torn_keys(score, &mut dice, &key);
            keys_on_one_line(score, &key);
        }
    }
    let all = keys(&mut dice);
    for pair in all.windows(2) {
        let mut lines = pair[0].marked();
        lines.extend(pair[1].marked());
        score.add(&Case::new(pair[0].kind, "two keys in a row", with_neighbours(lines)));
    }
    for key in &all {
        // A certificate is public, and what stands before its key.
        let (first, last) = armour("CERTIFICATE");
        let mut lines = vec![first];
        lines.extend(base64_lines(&mut dice, 64, 20));
        lines.push(last);
        lines.extend(key.marked());
        score.add(&Case::new(key.kind, "after its certificate", with_neighbours(lines)));
    }
    for version in [2, 3] {
        for (place, dress) in DRESSES {
            let lines = putty(&mut dice, version);
            let lines = lines
                .iter()
                .enumerate()
                .map(|(number, line)| dressed(dress, line, number))
                .collect();
            score.add(&Case::new(
                format!("PuTTY key {version}"),
                *place,
                with_neighbours(lines),
            ));
        }
    }
    json_web_keys(score, &mut dice);
    for _ in 0..6 {
        manifests(score, &mut dice);
        files(score, &mut dice);
        names_and_values(score, &mut dice);
        known_values(score, &mut dice);
    }
}

fn whole_keys(score: &mut Score, dice: &mut Dice, key: &Key) {
    for (place, dress) in DRESSES {
        let lines = key.marked();
        let lines = lines
            .iter()
            .enumerate()
            .map(|(number, line)| dressed(dress, line, number))
            .collect();
        score.add(&Case::new(key.kind, *place, with_neighbours(lines)));
    }
    let blank: Vec<String> = key
        .marked()
        .into_iter()
        .flat_map(|line| [line, String::new()])
        .collect();
    score.add(&Case::new(key.kind, "blank lines between", with_neighbours(blank)));
    for (place, head) in [
        ("block scalar", "  deploy.pem: |"),
        ("block scalar, stripped", "  ssh_key: |-"),
        ("folded scalar", "  key: >"),
        ("heredoc", "private_key = <<-EOT"),
        ("after a name", "PRIVATE_KEY is set to"),
    ] {
        let mut lines = vec![head.to_owned()];
        lines.extend(key.marked().iter().map(|line| format!("    {line}")));
        score.add(&Case::new(key.kind, place, with_neighbours(lines)));
    }
    // A variable's value printed with its own newlines, in quotes or not.
    for (place, open, close) in [
        ("variable", "DEPLOY_KEY=", ""),
        ("quoted variable", "DEPLOY_KEY=\"", "\""),
        ("exported variable", "declare -x DEPLOY_KEY=\"", "\""),
        ("docker argument", "+ docker build --build-arg SSH_KEY=", " -t web ."),
        ("echo", "+ echo '", "'"),
    ] {
        let mut lines = key.marked();
        lines[0] = format!("{open}{}", lines[0]);
        let last = lines.len() - 1;
        lines[last].push_str(close);
        score.add(&Case::new(key.kind, place, with_neighbours(lines)));
    }
    // A neighbour's text on the way in.
    let mut lines = key.marked();
    let middle = 1 + dice.below(lines.len() - 2).max(1);
    lines.insert(middle, either("added 212 packages, and audited 213 packages in 4s"));
    score.add(&Case::new(
        key.kind,
        "another line in the middle",
        with_neighbours(lines),
    ));
}

fn torn_keys(score: &mut Score, dice: &mut Dice, key: &Key) {
    let normal = |from: usize| {
        (from..from + 60)
            .map(|number| format!("[{number}/420] Compiling module src/pages/account/settings-{number}.tsx"))
    };
    for (place, dress) in &DRESSES[..8] {
        let mut lines = key.marked();
        lines.pop();
        let mut lines: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(number, line)| dressed(dress, line, number))
            .collect();
        lines.extend(normal(0).take(20).map(|line| either(&line)));
        lines.extend(normal(20));
        score.add(&Case::new(key.kind, format!("no end, {place}"), with_neighbours(lines)));
    }
    // Cut in the middle of a line of its body.
    let mut lines = key.marked();
    lines.truncate(lines.len().max(4) - 2);
    let cut = dice.chars("b", 23);
    lines.push(secret(&cut));
    lines.extend(normal(0).take(20).map(|line| either(&line)));
    lines.extend(normal(20));
    score.add(&Case::new(key.kind, "cut within a line", with_neighbours(lines)));
    // Its middle left out.
    if key.body.len() > 8 {
        for gap in ["...", "[... 12 lines omitted ...]", "<truncated>"] {
            let mut lines = key.marked();
            lines.splice(4..lines.len() - 4, [either(gap)]);
            score.add(&Case::new(key.kind, "middle left out", with_neighbours(lines)));
        }
    }
    // The stream is over within the key.
    let mut lines = vec![BEFORE.to_owned()];
    lines.extend(key.marked().into_iter().take(2 + dice.below(key.body.len())));
    score.add(&Case::new(key.kind, "stream over", lines));
}

fn keys_on_one_line(score: &mut Score, key: &Key) {
    for (place, between, line) in [
        ("json", "\\n", r#"  "private_key": "{}\n","#),
        (
            "json object",
            "\\n",
            r#"{"type":"service_account","private_key":"{}\n","client_email":"ci@example.iam.gserviceaccount.com"}"#,
        ),
        ("json neutral name", "\\n", r#"{"id":7,"value":"{}\n"}"#),
        ("json escaped twice", "\\\\n", r#"{\"private_key\":\"{}\\n\"}"#),
        ("carriage returns", "\\r\\n", r#"key: "{}\r\n""#),
        ("variable", "\\n", r#"GITHUB_APP_PRIVATE_KEY="{}\n""#),
        ("bare", "\\n", "{}"),
        ("spaces", " ", "loaded {} ok"),
        ("echo", " ", "+ echo {}"),
        ("percent-encoded newlines", "%0A", "POST /keys?value={}"),
        ("docker step", "\\n", "#9 0.3 KEY={}"),
        ("python bytes", "\\n", "b'{}\\n'"),
        ("nothing between", "", "key={}"),
        ("semicolons", ";", "key={}"),
    ] {
        score.add(&Case::new(
            key.kind,
            format!("one line, {place}"),
            with_neighbours(vec![line.replacen("{}", &key.joined(between), 1)]),
        ));
    }
    // All of it in base64, as in a kubeconfig or a CI variable.
    if ["ANY PRIVATE KEY", "SSH2 PRIVATE KEY"].contains(&key.kind) {
        return;
    }
    let encoded = STANDARD.encode(key.plain());
    for (place, line) in [
        ("kubeconfig", "    client-key-data: {}"),
        ("variable", "SIGNING_KEY_BASE64={}"),
        ("neutral", "using {} for deploy"),
        ("json", r#"{"value":"{}"}"#),
    ] {
        score.add(&Case::new(
            key.kind,
            format!("base64, {place}"),
            with_neighbours(vec![line.replacen("{}", &secret(&encoded), 1)]),
        ));
    }
}

fn json_web_keys(score: &mut Score, dice: &mut Dice) {
    for _ in 0..5 {
        let rsa = format!(
            r#"{{"kty":"RSA","n":"{}","e":"AQAB","d":"{}","p":"{}","q":"{}","dp":"{}","dq":"{}","qi":"{}","kid":"main","alg":"RS256"}}"#,
            either(&dice.chars("u", 342)),
            secret(&dice.chars("u", 342)),
            secret(&dice.chars("u", 171)),
            secret(&dice.chars("u", 171)),
            secret(&dice.chars("u", 171)),
            secret(&dice.chars("u", 171)),
            secret(&dice.chars("u", 171)),
        );
        let ec = format!(
            r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}","d":"{}","use":"sig"}}"#,
            either(&dice.chars("u", 43)),
            either(&dice.chars("u", 43)),
            secret(&dice.chars("u", 43)),
        );
        let ec_sorted = format!(
            r#"{{"crv":"P-256","d":"{}","kid":"2026","kty":"EC","x":"{}","y":"{}"}}"#,
            secret(&dice.chars("u", 43)),
            either(&dice.chars("u", 43)),
            either(&dice.chars("u", 43)),
        );
        let okp = format!(
            r#"{{"kty": "OKP", "crv": "Ed25519", "d": "{}", "x": "{}"}}"#,
            secret(&dice.chars("u", 43)),
            either(&dice.chars("u", 43)),
        );
        let oct = format!(
            r#"{{"kty":"oct","alg":"HS256","k":"{}"}}"#,
            secret(&dice.chars("u", 43))
        );
        for (kind, key) in [
            ("RSA", rsa),
            ("EC", ec),
            ("EC, sorted", ec_sorted),
            ("OKP", okp),
            ("oct", oct),
        ] {
            let kind = format!("JSON web key {kind}");
            score.add(&Case::line(&*kind, "bare", &*key));
            score.add(&Case::line(&*kind, "in a set", format!(r#"{{"keys":[{key}]}}"#)));
            score.add(&Case::line(&*kind, "docker step", format!("#9 0.345 generated {key}")));
            score.add(&Case::line(&*kind, "variable", format!("OIDC_JWKS='{key}'")));
            score.add(&Case::line(&*kind, "escaped", key.replace('"', "\\\"")));
            let pretty = key
                .replace("\":\"", "\": \"")
                .replace("{\"", "{\n  \"")
                .replace(",\"", ",\n  \"");
            let pretty = pretty.replace(", \"", ",\n  \"").replace("\"}", "\"\n}");
            score.add(&Case::text(&*kind, "pretty", &pretty));
        }
    }
}

fn manifests(score: &mut Score, dice: &mut Dice) {
    let encoded = |dice: &mut Dice| secret(&STANDARD.encode(dice.password(18)));
    let manifest = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db-credentials\n  namespace: shop\ntype: Opaque\ndata:\n  password: {}\n  api-token: {}\n  config.yaml: {}\n  session: {}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web",
        encoded(dice),
        encoded(dice),
        encoded(dice),
        encoded(dice)
    );
    let plain = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\nstringData:\n  DATABASE_PASSWORD: {}\n  license: {}\n  api_key: \"{}\"\n---\nkind: ConfigMap\ndata:\n  NODE_ENV: production\n  LOG_LEVEL: debug-verbose",
        secret(&dice.password(14)),
        secret(&dice.chars("w", 32)),
        secret(&dice.chars("w", 32))
    );
    let sorted = format!(
        "apiVersion: v1\ndata:\n  password: {}\n  client-secret: {}\nkind: Secret\nmetadata:\n  creationTimestamp: \"2026-11-23T14:58:05Z\"\n  name: db",
        encoded(dice),
        encoded(dice)
    );
    let json = format!(
        "{{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Secret\",\n  \"metadata\": {{ \"name\": \"db\" }},\n  \"data\": {{\n    \"password\": \"{}\",\n    \"license\": \"{}\"\n  }}\n}}",
        encoded(dice),
        encoded(dice)
    );
    for (kind, text) in [
        ("data", manifest),
        ("stringData", plain),
        ("sorted", sorted),
        ("json", json),
    ] {
        in_dresses(score, &format!("Kubernetes secret, {kind}"), &text, &[0, 4, 6, 9, 15]);
    }
}

fn files(score: &mut Score, dice: &mut Dice) {
    let auth = STANDARD.encode(format!("deploy:{}", dice.password(16)));
    for (what, text) in [
        (
            "netrc",
            format!(
                "machine api.example.com\n  login deploy\n  password {}\nmachine github.com\n  login ci\n  password {}",
                secret(&dice.password(14)),
                secret(&dice.chars("w", 20))
            ),
        ),
        (
            "netrc, one line",
            format!(
                "machine api.example.com login deploy password {}",
                secret(&dice.password(14))
            ),
        ),
        (
            "npmrc",
            format!(
                "registry=https://npm.example.com/\n//npm.example.com/:_authToken={}\n//npm.example.com/:_password={}\n//npm.example.com/:username=ci\n_auth={}\nalways-auth=true",
                secret(&dice.uuid()),
                secret(&STANDARD.encode(dice.password(15))),
                secret(&STANDARD.encode(dice.password(18)))
            ),
        ),
        (
            "yarnrc",
            format!(
                "npmRegistries:\n  //npm.example.com:\n    npmAlwaysAuth: true\n    npmAuthToken: \"{}\"",
                secret(&dice.uuid())
            ),
        ),
        (
            "docker config",
            format!(
                "{{\n  \"auths\": {{\n    \"https://index.docker.io/v1/\": {{\n      \"auth\": \"{}\"\n    }},\n    \"ghcr.io\": {{\n      \"identitytoken\": \"{}\"\n    }}\n  }},\n  \"credsStore\": \"desktop\"\n}}",
                secret(&auth),
                secret(&dice.chars("w", 60))
            ),
        ),
        (
            "docker config, one line",
            format!(
                r#"{{"auths":{{"ghcr.io":{{"username":"ci","password":"{}","auth":"{}"}}}}}}"#,
                secret(&dice.password(20)),
                secret(&auth)
            ),
        ),
        (
            "aws credentials",
            format!(
                "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = eu-west-1\n\n[profile prod]\naws_session_token={}",
                secret(&dice.draw_plain("AKIA{x:16}")),
                secret(&dice.chars("b", 40)),
                secret(&dice.chars("b", 200))
            ),
        ),
        (
            "git credential",
            format!(
                "protocol=https\nhost=github.com\nusername=ci\npassword={}",
                secret(&dice.password(20))
            ),
        ),
        (
            "maven settings",
            format!(
                "<server>\n  <id>nexus</id>\n  <username>deploy</username>\n  <password>{}</password>\n</server>",
                secret(&dice.password(16))
            ),
        ),
        (
            "pypirc",
            format!(
                "[pypi]\nrepository = https://upload.pypi.org/legacy/\nusername = ci\npassword = {}",
                secret(&dice.password(18))
            ),
        ),
        (
            "yaml block",
            format!(
                "database:\n  host: db.internal\n  password: |\n    {}\n  port: 5432",
                secret(&dice.password(18))
            ),
        ),
        (
            "yaml folded",
            format!(
                "  api_token: >-\n    {}\n  region: eu-west-1",
                secret(&dice.chars("w", 40))
            ),
        ),
        (
            "terraform heredoc",
            format!(
                "client_secret = <<-EOT\n  {}\nEOT\nregion = \"eu-west-1\"",
                secret(&dice.chars("w", 40))
            ),
        ),
        (
            "rails credentials",
            format!(
                "production:\n  secret_key_base: {}\n  smtp:\n    user_name: postmaster\n    password: {}",
                secret(&dice.chars("h", 128)),
                secret(&dice.password(14))
            ),
        ),
    ] {
        in_dresses(score, what, &text, &[0, 4, 6, 15]);
    }
}

/// A list of variables as orchestrators print it: the name on one line, the value on the next.
fn names_and_values(score: &mut Score, dice: &mut Dice) {
    let (password, token, key) = (dice.password(14), dice.chars("w", 40), dice.chars("h", 32));
    for (what, text) in [
        (
            "kubernetes env",
            format!(
                "    env:\n    - name: NODE_ENV\n      value: production-eu\n    - name: DB_PASSWORD\n      value: {}\n    - name: API_TOKEN\n      value: \"{}\"\n    - name: LOG_LEVEL\n      value: debug-verbose",
                secret(&password),
                secret(&token)
            ),
        ),
        (
            "task definition",
            format!(
                "      {{\n        \"name\": \"STRIPE_SECRET\",\n        \"value\": \"{}\"\n      }},\n      {{\n        \"name\": \"PORT_RANGE\",\n        \"value\": \"8080-8090\"\n      }}",
                secret(&token)
            ),
        ),
        (
            "task definition, one line",
            format!(
                r#"[{{"name":"DB_PASSWORD","value":"{}"}},{{"name":"REGION","value":"eu-central-1"}}]"#,
                secret(&password)
            ),
        ),
        (
            "key and value",
            format!(
                "  - key: SESSION_SECRET\n    value: {}\n    scope: RUN_TIME",
                secret(&key)
            ),
        ),
        (
            "value first",
            format!(r#"{{"value":"{}","name":"ADMIN_PASSWORD"}}"#, secret(&password)),
        ),
        (
            "Name and Value",
            format!(
                "Name:  /prod/db/password\nType:  SecureString\nValue: {}",
                secret(&password)
            ),
        ),
    ] {
        in_dresses(score, what, &text, &[0, 4, 6]);
    }
}

/// Values of the job that have several lines.
fn known_values(score: &mut Score, dice: &mut Dice) {
    for key in keys(dice) {
        let value = key.plain();
        let mut lines: Vec<String> = vec!["start of the step".into()];
        lines.extend(key.marked_body().iter().map(|line| format!("  > {line}")));
        score.add(&Case::new(key.kind, "known, lines of its body alone", lines).knowing(&*value));
        let body = key.marked_body();
        score.add(&Case::line(key.kind, "known, joined by spaces", format!("got {}", body.join(" "))).knowing(&*value));
        score.add(&Case::line(key.kind, "known, joined by \\n", format!("got {}", body.join("\\n"))).knowing(&*value));
    }
    let (id, token) = (dice.chars("h", 40), dice.chars("w", 48));
    let value = format!("{{\n  \"kind\": \"robot\",\n  \"fingerprint\": \"{id}\",\n  \"blob\": \"{token}\"\n}}\n");
    for (place, line) in [
        (
            "one of its lines",
            format!("  {}{}{}", either("\"blob\": \""), secret(&token), either("\"")),
        ),
        (
            "another of its lines",
            format!(
                "read   {}{}{} next",
                either("\"fingerprint\": \""),
                secret(&id),
                either("\",")
            ),
        ),
        (
            "joined",
            format!(
                "{{ \"kind\": \"robot\", \"fingerprint\": \"{}\", \"blob\": \"{}\" }}",
                secret(&id),
                secret(&token)
            )
            .replace(
                "{ \"kind\": \"robot\", \"fingerprint\": ",
                &either("{ \"kind\": \"robot\", \"fingerprint\": "),
            ),
        ),
        (
            "escaped",
            format!(
                "{}{}{}{}",
                either("{\\n  \\\"kind\\\": \\\"robot\\\",\\n  \\\"fingerprint\\\": \\\""),
                secret(&id),
                either("\\\",\\n  \\\"blob\\\": \\\""),
                secret(&token)
            ) + "\\\"\\n}\\n",
        ),
    ] {
        score.add(&Case::line("known JSON file", place, line).knowing(&*value));
    }
}

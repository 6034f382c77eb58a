//! A name on one line and its value on the next. In each case `⟦…⟧` marks what must go, and everything else must stay.

use redact::Redactor;

/// Secrets are made of parts, so that no scanner takes this file for a leak.
fn secrets() -> [(&'static str, String); 2] {
    [
        ("{P}", ["Tr0ub", "4dor", "&x3"].concat()),
        ("{T}", ["xK29vv01", "Lq88zR4t"].concat()),
    ]
}

#[track_caller]
fn check(text: &str) {
    let mut text = text.to_owned();
    for (place, secret) in secrets() {
        text = text.replace(place, &format!("⟦{secret}⟧"));
    }
    for prefix in ["", "#9 0.312 ", "2026-01-02T03:04:05Z ", "[web] ", "web-1  | "] {
        let mut scrubber = Redactor::builder().build().expect("a redactor").scrubber();
        for line in text.lines() {
            let plain = format!("{prefix}{}", line.replace(['⟦', '⟧'], ""));
            let mut expected = format!("{prefix}{line}");
            while let (Some(from), Some(to)) = (expected.find('⟦'), expected.find('⟧')) {
                expected.replace_range(from..to + '⟧'.len_utf8(), redact::MASK);
            }
            assert_eq!(scrubber.scrub(&plain).text.as_str(), expected, "of\n{text}");
        }
    }
}

#[test]
fn the_value_of_a_pair_of_keys_is_hidden() {
    check("- name: DB_PASSWORD\n  value: {P}\n- name: PORT\n  value: \"8080\"");
    check("{\n  \"name\": \"API_KEY\",\n  \"slotSetting\": false,\n  \"value\": \"{T}\"\n}");
    check("ParameterKey: DbPassword\nParameterValue: {P}");
    check("<key>password</key>\n<string>{P}</string>");
    check("{\"value\":\"{P}\",\"name\":\"DB_PASSWORD\"}");
}

#[test]
fn blocks_lists_and_lone_values_are_hidden() {
    check("password: |\n  {P}\n  {P}\nuser: ana");
    check("private_key: >-\n    {T}\nother: x");
    check("passwords:\n  - {P}\n  - \"{P}\"\nusers:\n  - ana1234");
    check("\"tokens\": [\n  \"{T}\",\n  \"{T}\"\n],");
    check("Your new API token:\n\n    {T}\n\nCopy it now.");
    check("<password>\n  {P}\n</password>");
    check("client_secret = <<-EOT\n  {T}\nEOT\nregion = \"eu-west-1\"");
}

#[test]
fn a_command_over_lines_is_read_on() {
    check("mytool --user ana \\\n  --password \\\n  {P} \\\n  --verbose");
    check("args:\n  - --password\n  - {P}\n  - --verbose");
    check("machine api.example.com\n  login ana\n  password {P}");
}

#[test]
fn every_value_of_a_kubernetes_secret_is_hidden_and_none_of_other_manifests() {
    check(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop\ndata:\n  any: ⟦eWVzIGl0IGlz⟧\nstringData:\n  other: ⟦plain⟧",
    );
    check("apiVersion: v1\ndata:\n  any: ⟦eWVzIGl0IGlz⟧\nkind: Secret");
    check("apiVersion: v1\nkind: ConfigMap\ndata:\n  any: eWVzIGl0IGlz\n  mode: production");
}

#[test]
fn what_only_describes_a_secret_stays() {
    check("password:\n  type: string\n  required: true");
    check("password:\n  secretKeyRef:\n    name: db\n    key: password");
    check("- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db-secret-1");
    check("Enter password:\nLogin succeeded.");
    check("password:\nv1.2.3");
    check("token:\nsrc/auth/token.ts");
    check("required:\n  - password\n  - token");
    check("password: <token>\nnext line");
}

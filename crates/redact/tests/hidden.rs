//! What must never survive, one line a case. `§` stands where the secret is; `check` puts it there and expects it gone and
//! everything else to stay. Secrets are assembled here, so that no scanner takes this file for a leak.

use redact::Redactor;

/// A value as a person or a generator makes it, distinct by `seed`.
fn made(alphabet: &str, length: usize, seed: u64) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            letters[(state >> 20) as usize % letters.len()]
        })
        .collect()
}

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";

#[track_caller]
fn check_with(template: &str, secret: &str) {
    let line = template.replace('§', secret);
    let clean = Redactor::builder().build().expect("a redactor").scrubber().scrub(&line);
    assert_eq!(clean.text.as_str(), template.replace('§', redact::MASK), "from {line}");
    let again = Redactor::builder()
        .build()
        .expect("JSON")
        .scrubber()
        .scrub(clean.text.as_str());
    assert_eq!(again.text, clean.text, "a second time");
}

/// Four kinds of password, from a word with a digit to one of signs.
#[track_caller]
fn password(template: &str) {
    for secret in ["Tr0ub4dor&3", "hunter2x", "s3cr3t-Pa55", &made(LETTERS, 24, 7)] {
        check_with(template, secret);
    }
}

/// An opaque token: letters of both cases and digits, and hexadecimal.
#[track_caller]
fn token(template: &str) {
    for secret in [
        made(LETTERS, 40, 3),
        made(HEX, 32, 5),
        format!("{}-{}", made(LETTERS, 12, 1), made(LETTERS, 12, 2)),
    ] {
        check_with(template, &secret);
    }
}

#[test]
fn a_password_assigned_to_a_name_is_hidden() {
    for template in [
        "DB_PASSWORD=§",
        "export PGPASSWORD=§",
        "+ export MYSQL_PWD=§",
        "password=§",
        "spring.datasource.password=§",
        "  dbPassword: \"§\",",
        "\"password\": \"§\",",
        "{\"user\":\"ana\",\"password\":\"§\"}",
        "'passwd' => '§',",
        "password = \"§\"",
        "redis_password: '§'",
        "<password>§</password>",
        "<property name=\"x\" password=\"§\"/>",
        "<add key=\"DbPassword\" value=\"§\" />",
        "{\"name\":\"DB_PASSWORD\",\"value\":\"§\"}",
        "mytool --password § --verbose",
        "mytool --db-password=§ --verbose",
        "PASSWORD_2=§",
        "DB_PASS=§",
        "SSH_PASSPHRASE=§",
        "machine api.example.com login ana password §",
        "Server=tcp:db.example.com;Database=shop;User Id=ana;Password=§;Encrypt=true;",
        "host=db.example.com user=ana password=§ dbname=shop",
        "jdbc:mysql://db.example.com/shop?user=ana&password=§&useSSL=true",
    ] {
        for secret in ["Tr0ub4dor3", "hunter2x", "s3cr3t-Pa55", &made(LETTERS, 24, 7)] {
            check_with(template, secret);
        }
    }
    password("DB_PASSWORD=§");
    password("\"password\": \"§\",");
}

#[test]
fn a_token_beside_its_name_is_hidden() {
    for template in [
        "API_TOKEN=§",
        "apiKey: '§'",
        "api_key = \"§\"",
        "\"clientSecret\":\"§\"",
        "AWS_SECRET_ACCESS_KEY=§",
        "aws_secret_access_key = §",
        "HEROKU_API_KEY=§",
        "X-Api-Key: §",
        "curl -H 'X-Api-Key: §' https://api.example.com",
        "curl -H \"x-auth-token: §\" https://api.example.com",
        "https://api.example.com/v1?access_token=§&page=2",
        "GET /callback?state=1&client_secret=§",
        "//registry.example.com/:_authToken=§",
        "npm config set //registry.example.com/:_authToken=§",
        "NEXTAUTH_SECRET=§",
        "jwtSecret: \"§\"",
        "SECRET_KEY_BASE=§",
        "GITHUB_PAT=§",
        "tool --token § --json",
        "tool --api-key=§",
        "twilio_auth_token: §",
        "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=§;EndpointSuffix=core.windows.net",
    ] {
        token(template);
    }
}

#[test]
fn a_password_in_an_address_is_hidden() {
    for template in [
        "postgres://ana:§@db.example.com:5432/shop",
        "connecting to postgresql://ana:§@db.example.com:5432/shop?sslmode=require",
        "mongodb+srv://ana:§@cluster0.example.net/shop",
        "redis://:§@cache.example.com:6379/0",
        "amqps://ana:§@mq.example.com/vhost",
        "fetching https://ana:§@git.example.com/repo.git",
        "DATABASE_URL=\"mysql://ana:§@db:3306/shop\"",
        "ftp://ana:§@files.example.com/pub",
        "smtp://ana%40example.com:§@mail.example.com:587",
    ] {
        for secret in [
            "hunter2x",
            "p%40ss-w0rd",
            "a/b?c#d9",
            "x@y!z9",
            "pa:ss:w0rd",
            "Tr0ub4dor&3",
        ] {
            check_with(template, secret);
        }
    }
}

#[test]
fn the_value_of_an_authorization_header_is_hidden() {
    for template in [
        "Authorization: Bearer §",
        "authorization: bearer §",
        "curl -H 'Authorization: Bearer §' https://api.example.com",
        "curl -H \"Authorization: token §\" https://api.example.com",
        "> Authorization: Basic §",
        "\"Authorization\": \"Bearer §\",",
        "Proxy-Authorization: Basic §",
        "headers: { Authorization: 'Bearer §' }",
        "sending Bearer § to the server",
    ] {
        check_with(template, &made(LETTERS, 40, 11));
    }
    check_with("Cookie: session=§", &made(LETTERS, 32, 4));
    check_with("Set-Cookie: sid=§; Path=/; HttpOnly", &made(LETTERS, 32, 4));
    check_with("Cookie: a=§; theme=§", &made(LETTERS, 16, 4));
}

#[test]
fn a_password_given_to_a_program_is_hidden() {
    for template in [
        "mysql -uroot -p§ shop",
        "mysqldump -h db -p'§' shop",
        "curl -u ana:§ https://api.example.com",
        "curl --user 'ana:§' https://api.example.com",
        "sshpass -p § ssh ana@host",
        "redis-cli -h cache -a § ping",
        "docker login -u ana -p § registry.example.com",
        "openssl rsa -passin pass:§ -in key.pem",
    ] {
        check_with(template, "Tr0ub4dor3");
        check_with(template, &made(LETTERS, 20, 9));
    }
}

#[test]
fn a_secret_in_json_that_was_escaped_is_hidden() {
    let secret = made(LETTERS, 24, 17);
    check_with(r#"{"message":"{\"password\":\"§\"}"}"#, &secret);
    check_with(r#"{"m":"{\"m\":\"{\\\"password\\\":\\\"§\\\"}\"}"}"#, &secret);
    check_with("config: { &quot;password&quot;: &quot;§&quot; }", &secret);
    check_with("callback?data=%7B%22password%22%3A%22§%22%7D", &secret);
    check_with("postgres%3A%2F%2Fana%3A§%40db.example.com%2Fshop", &secret);
}

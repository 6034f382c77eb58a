//! Verifies the session token of a request's headers, as a service of any framework would.
//!
//! ```sh
//! cargo run -p auth-clerk --example headers -- https://clerk.example.com https://app.example.com key.pem < headers.txt
//! ```
//!
//! Reads the headers from standard input, one a line. Without a key's file, the issuer's key set is fetched.

use auth_clerk::{Carrier, Class, JwksOptions, Keys, Policy, SESSION_COOKIE, Verifier, token_from_headers};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::error::Error;
use std::io::Read;
use std::time::SystemTime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(issuer), Some(party)) = (arguments.next(), arguments.next()) else {
        return Err("expected: ISSUER AUTHORISED-PARTY [PEM-FILE]".into());
    };
    let keys = match arguments.next() {
        Some(file) => Keys::pem(&std::fs::read_to_string(file)?)?,
        None => Keys::jwks(JwksOptions::new(format!("{issuer}/.well-known/jwks.json")))?,
    };
    let policy = Policy {
        issuer,
        authorized_parties: vec![party],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, keys)?;

    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    println!("{}", who(&verifier, &headers(&text)?).await);
    Ok(())
}

fn headers(text: &str) -> Result<HeaderMap, Box<dyn Error>> {
    let mut headers = HeaderMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("a header is a name, a colon and a value")?;
        headers.append(name.trim().parse::<HeaderName>()?, value.trim().parse::<HeaderValue>()?);
    }
    Ok(headers)
}

/// What a service would answer, in a line.
async fn who(verifier: &Verifier, headers: &HeaderMap) -> String {
    let verdict = match token_from_headers(headers, SESSION_COOKIE) {
        Ok((token, carrier)) => {
            if carrier == Carrier::Cookie {
                // A cookie comes unasked: a service compares `Origin` with its list before it goes on.
                eprintln!("by cookie: check Origin");
            }
            verifier.verify(token.expose(), SystemTime::now()).await
        }
        Err(rejection) => Err(rejection),
    };
    match verdict {
        Ok(session) => format!("200 for {}", session.user),
        Err(rejection) => {
            // The reason is for the log; the client hears the class.
            eprintln!("refused: {}", rejection.reason());
            match rejection.class() {
                Class::Missing => "401 sign in".to_owned(),
                Class::Expired => "401 get a fresh token".to_owned(),
                Class::Invalid => "401 not accepted".to_owned(),
                Class::Unavailable => "503 try again".to_owned(),
            }
        }
    }
}

//! Verifies Clerk session tokens, strictly.
//!
//! A [`Verifier`] holds the [`Policy`] (which issuer, which applications) and the [`Keys`] (one in PEM, or a key set
//! that is fetched and kept fresh). It turns a token into a [`Session`] or a [`Rejection`]. It knows the `http` crate's
//! header map and nothing else of any server, so any Rust service can use it.
//!
//! ```
//! use auth_clerk::{Carrier, Class, Keys, Policy, SESSION_COOKIE, Verifier, token_from_headers};
//! use std::time::SystemTime;
//!
//! # use testkit::clerk::Clerk;
//! # let clerk = Clerk::new();
//! # let (public_key, token) = (clerk.pem(), clerk.session("user_ana").token());
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let policy = Policy {
//!     issuer: "https://clerk.example.com".to_owned(),
//!     authorized_parties: vec!["https://app.example.com".to_owned()],
//!     ..Policy::default()
//! };
//! let verifier = Verifier::new(policy, Keys::pem(&public_key)?)?;
//!
//! let mut headers = http::HeaderMap::new();
//! headers.insert(http::header::AUTHORIZATION, format!("Bearer {token}").parse()?);
//!
//! let (token, carrier) = token_from_headers(&headers, SESSION_COOKIE)?;
//! let session = verifier.verify(token.expose(), SystemTime::now()).await?;
//! assert_eq!((session.user.as_str(), carrier), ("user_ana", Carrier::Bearer));
//!
//! // The log and the metrics get the reason; the client hears no more than the class.
//! let rejection = verifier.verify("not.a.token", SystemTime::now()).await.unwrap_err();
//! assert_eq!((rejection.reason(), rejection.class()), ("token-invalid", Class::Invalid));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is deliberately absent: refreshing or handing out tokens (the browser's Clerk does that), tokens of machines
//! and templates, a cache of verified tokens (a verification costs less than looking after one), and any way for a
//! token to say where its key is.
#![forbid(unsafe_code)]

mod rejection;
mod session;

mod carrier;
mod json;
mod token;

mod jwks;
mod pem;
mod rsa;

mod cache;
mod fetch;
mod keys;

mod claims;
mod policy;
mod verifier;

pub use crate::carrier::{Carrier, SESSION_COOKIE, Token, token_from_headers};
pub use crate::jwks::{Jwks, JwksError, Signed};
pub use crate::keys::{JwksOptions, KeySet, KeyStatus, Keys};
pub use crate::policy::{Policy, SetupError};
pub use crate::rejection::{Class, Rejection};
pub use crate::rsa::KeyId;
pub use crate::session::{Org, Session};
pub use crate::token::{Jws, MAX_TOKEN_LEN};
pub use crate::verifier::Verifier;

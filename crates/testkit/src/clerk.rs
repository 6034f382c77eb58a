//! A stand-in for Clerk: it signs session tokens, wrong ones too, and serves its key set, badly if told so.
//!
//! Keys are made once per process, because making one costs more than most tests. The key server runs on threads of
//! its own and blocks on conditions (but for the pauses of [`Answer::Trickle`]), not on a clock, so a test may pause
//! Tokio's time and hold an answer back for as long as it likes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The issuer of every token, unless a test says otherwise.
pub const ISSUER: &str = "https://clerk.example.com";
/// The application that tokens are made for, unless a test says otherwise.
pub const PARTY: &str = "https://app.example.com";
/// The key id of every token, unless a test says otherwise.
pub const KID: &str = "ins_2GIoQhbUpy0hX7B2cVkuTMinXoD";
/// The `cat` of session tokens.
pub const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// One Clerk instance: an issuer with a signing key.
#[derive(Clone)]
pub struct Clerk {
    issuer: String,
    party: String,
    kid: String,
    spec: Spec,
    pub(crate) key: PKey<Private>,
}

impl Default for Clerk {
    fn default() -> Clerk {
        Clerk::new()
    }
}

impl Clerk {
    /// The instance that tests speak to: 2048 bits, exponent 65537. The same key in the whole process.
    #[must_use]
    pub fn new() -> Clerk {
        Clerk::of(2048, 65537, 0)
    }

    /// An instance with a key of this size and exponent; `number` tells several such keys apart.
    #[must_use]
    pub fn of(bits: u32, exponent: u32, number: u32) -> Clerk {
        let spec = (bits, exponent, number);
        Clerk {
            issuer: ISSUER.to_owned(),
            party: PARTY.to_owned(),
            kid: KID.to_owned(),
            spec,
            key: key(spec),
        }
    }

    /// The same instance, under the same key id, after its key was changed.
    #[must_use]
    pub fn rotated(&self) -> Clerk {
        let (bits, exponent, number) = self.spec;
        let spec = (bits, exponent, number + 1);
        Clerk {
            spec,
            key: key(spec),
            ..self.clone()
        }
    }

    /// The same instance and key under another key id.
    #[must_use]
    pub fn with_kid(&self, kid: impl Into<String>) -> Clerk {
        Clerk {
            kid: kid.into(),
            ..self.clone()
        }
    }

    /// The same key for another issuer.
    #[must_use]
    pub fn with_issuer(&self, issuer: impl Into<String>) -> Clerk {
        Clerk {
            issuer: issuer.into(),
            ..self.clone()
        }
    }

    /// The same instance, making tokens for another application.
    #[must_use]
    pub fn with_party(&self, party: impl Into<String>) -> Clerk {
        Clerk {
            party: party.into(),
            ..self.clone()
        }
    }

    /// The value of `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The value of `azp`.
    #[must_use]
    pub fn party(&self) -> &str {
        &self.party
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key in PEM, as `PUBLIC KEY`.
    #[must_use]
    pub fn pem(&self) -> String {
        text(self.key.public_key_to_pem().expect("a generated key has a public half"))
    }

    /// The public key in PEM, as `RSA PUBLIC KEY`.
    #[must_use]
    pub fn pem_pkcs1(&self) -> String {
        text(
            self.rsa()
                .public_key_to_pem_pkcs1()
                .expect("a generated key has a public half"),
        )
    }

    /// The private key in PEM, to be pasted where it does not belong.
    #[must_use]
    pub fn private_pem(&self) -> String {
        text(
            self.key
                .private_key_to_pem_pkcs8()
                .expect("a generated key has a private half"),
        )
    }

    /// The public key as one member of a key set.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let rsa = self.rsa();
        let number = |number: &openssl::bn::BigNumRef| URL_SAFE_NO_PAD.encode(number.to_vec());
        json!({ "use": "sig", "kty": "RSA", "kid": self.kid, "alg": "RS256", "n": number(rsa.n()), "e": number(rsa.e()) })
    }

    /// The key set with this one key.
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }

    /// Signs bytes as RS256 does.
    #[must_use]
    pub fn sign(&self, input: impl AsRef<[u8]>) -> Vec<u8> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).expect("an RSA key signs with SHA-256");
        signer
            .sign_oneshot_to_vec(input.as_ref())
            .expect("a generated key signs")
    }

    /// A session token of this user, to be changed and made with [`Mint::token`]. Version 2, issued now, good for 60 s.
    #[must_use]
    pub fn session(&self, user: impl Into<String>) -> Mint {
        let header = [
            ("alg", json!("RS256")),
            ("cat", json!(SESSION_CATEGORY)),
            ("kid", json!(self.kid)),
            ("typ", json!("JWT")),
        ];
        let claims = [
            ("azp", json!(self.party)),
            ("fva", json!([0, -1])),
            ("iss", json!(self.issuer)),
            ("jti", json!("3f1c9a2b7d5e4f60a1b2")),
            ("pla", json!("u:free_user")),
            ("sid", json!("sess_2GbDB4enHdCa5vS1zpC3Xzg9tK9")),
            ("sts", json!("active")),
            ("sub", json!(user.into())),
            ("v", json!(2)),
        ];
        let object = |members: &[(&str, Value)]| {
            members
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect::<Map<_, _>>()
        };
        Mint {
            clerk: self.clone(),
            header: object(&header),
            claims: object(&claims),
            raw_header: None,
            raw_claims: None,
            signature: None,
        }
        .issued(SystemTime::now())
    }

    fn rsa(&self) -> Rsa<Private> {
        self.key.rsa().expect("every key made here is an RSA key")
    }
}

/// A token in the making.
#[derive(Clone)]
pub struct Mint {
    clerk: Clerk,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    raw_header: Option<Vec<u8>>,
    raw_claims: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
}

impl Mint {
    /// Makes it a token of version 1, which knows neither `v` nor `sts`.
    #[must_use]
    pub fn v1(self) -> Mint {
        ["v", "sts", "jti", "pla", "fva"]
            .into_iter()
            .fold(self, Mint::without_claim)
    }

    /// Makes an organisation active, in the way of the token's version; the role without its prefix, as in `admin`.
    #[must_use]
    pub fn org(self, id: &str, role: &str) -> Mint {
        if self.claims.contains_key("v") {
            self.claim("o", json!({ "id": id, "rol": role, "slg": "a-team" }))
        } else {
            self.claim("org_id", id)
                .claim("org_role", format!("org:{role}"))
                .claim("org_slug", "a-team")
        }
    }

    /// Issues it at this time: `iat` then, `nbf` ten seconds before, `exp` 60 seconds after.
    #[must_use]
    pub fn issued(self, at: SystemTime) -> Mint {
        let at = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.claim("iat", at)
            .claim("nbf", at.saturating_sub(10))
            .claim("exp", at + 60)
    }

    /// Sets a member of the header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Mint {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a member of the header out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Mint {
        self.header.remove(name);
        self
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Mint {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Mint {
        self.claims.remove(name);
        self
    }

    /// The header's bytes, instead of its members.
    #[must_use]
    pub fn raw_header(mut self, bytes: impl Into<Vec<u8>>) -> Mint {
        self.raw_header = Some(bytes.into());
        self
    }

    /// The payload's bytes, instead of its claims.
    #[must_use]
    pub fn raw_claims(mut self, bytes: impl Into<Vec<u8>>) -> Mint {
        self.raw_claims = Some(bytes.into());
        self
    }

    /// The signature's bytes, instead of a good signature.
    #[must_use]
    pub fn signature(mut self, bytes: impl Into<Vec<u8>>) -> Mint {
        self.signature = Some(bytes.into());
        self
    }

    /// Has another instance's key sign it; the header stays as it is.
    #[must_use]
    pub fn signed_by(self, other: &Clerk) -> Mint {
        let signature = other.sign(self.signing_input());
        self.signature(signature)
    }

    /// The payload as JSON text, to be spoilt by hand.
    #[must_use]
    pub fn claims_json(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// The first two parts, which are what is signed.
    #[must_use]
    pub fn signing_input(&self) -> String {
        let header = self
            .raw_header
            .clone()
            .unwrap_or_else(|| Value::Object(self.header.clone()).to_string().into());
        let claims = self.raw_claims.clone().unwrap_or_else(|| self.claims_json().into());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> String {
        let input = self.signing_input();
        let signature = self.signature.clone().unwrap_or_else(|| self.clerk.sign(&input));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What a key is made of: bits, exponent, and a number to tell several such keys apart.
type Spec = (u32, u32, u32);

/// The key of this making, the same for the whole process.
fn key(spec: Spec) -> PKey<Private> {
    static KEYS: OnceLock<Mutex<HashMap<Spec, PKey<Private>>>> = OnceLock::new();
    let mut keys = lock(KEYS.get_or_init(Mutex::default));
    let make = || {
        let (bits, exponent, _) = spec;
        let exponent = BigNum::from_u32(exponent).expect("a small number fits");
        let rsa = Rsa::generate_with_e(bits, &exponent).expect("the key's size and exponent are ones OpenSSL makes");
        PKey::from_rsa(rsa).expect("an RSA key is a key")
    };
    keys.entry(spec).or_insert_with(make).clone()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("PEM is ASCII")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a key server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 200 with this body.
    Body(Vec<u8>),
    /// This status, with a body that would be a good key set.
    Status(u16),
    /// 302 to this address.
    Redirect(String),
    /// Reads the request and never answers.
    Silent,
    /// Sends the head of an answer and never its body.
    HeadOnly,
    /// Sends a body without end, as fast as it is taken.
    Endless,
    /// Announces a body of this many bytes, and sends a body of as many spaces.
    Huge(usize),
    /// Announces a body, sends a part of it and hangs up.
    CutShort,
    /// Hangs up without an answer.
    HangUp,
    /// Sends bytes that are no HTTP.
    Garbage,
    /// 200 with these lines of header, each with its line end, and this body; no other `Content-Type`.
    Headed(String, Vec<u8>),
    /// Sends this, and then a byte every now and then, without end.
    Trickle(&'static str),
}

impl Answer {
    /// 200 with this body, compressed although nobody asked for that.
    ///
    /// # Panics
    /// If compressing into memory fails.
    #[must_use]
    pub fn gzipped(body: &[u8]) -> Answer {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).expect("memory takes every byte");
        let body = encoder.finish().expect("memory takes every byte");
        Answer::Headed(
            "content-type: application/json\r\ncontent-encoding: gzip\r\n".to_owned(),
            body,
        )
    }
}

/// Serves key sets on the loopback interface, on a port of its own. Gone when dropped.
pub struct KeyServer {
    scheme: &'static str,
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    answer: Answer,
    good: Vec<u8>,
    held: bool,
    stopped: bool,
    requests: usize,
    answered: usize,
    open: Vec<TcpStream>,
}

impl KeyServer {
    /// Serves this instance's key set.
    ///
    /// # Panics
    /// If the loopback interface has no port to give.
    #[must_use]
    pub fn start(clerk: &Clerk) -> KeyServer {
        KeyServer::launch(clerk, None)
    }

    /// Serves this instance's key set over TLS, and gives the certificate in DER. It is good for `127.0.0.1` and, being
    /// signed by itself, trusted by nobody who was not told to.
    ///
    /// # Panics
    /// If the loopback interface has no port to give.
    #[must_use]
    pub fn start_tls(clerk: &Clerk) -> (KeyServer, Vec<u8>) {
        let certificate = certificate(&clerk.key).expect("the key signs a certificate");
        let der = certificate.to_der().expect("a certificate has a DER form");
        let tls = acceptor(&clerk.key, &certificate).expect("the certificate fits its key");
        (KeyServer::launch(clerk, Some(tls)), der)
    }

    fn launch(clerk: &Clerk, tls: Option<SslAcceptor>) -> KeyServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has a free port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = listener.local_addr().expect("a bound listener has an address");
        let good = clerk.jwks().into_bytes();
        let state = State {
            answer: Answer::Body(good.clone()),
            good,
            held: false,
            stopped: false,
            requests: 0,
            answered: 0,
            open: Vec::new(),
        };
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut state = lock(&accepting.state);
                if state.stopped {
                    break;
                }
                // Kept so that dropping the server ends the threads that wait on a peer.
                state.open.extend(stream.try_clone());
                let (inner, tls) = (Arc::clone(&accepting), tls.clone());
                thread::spawn(move || {
                    // A peer that hangs up in the middle is what many tests are about.
                    let _ = match tls {
                        None => inner.serve(&stream),
                        Some(tls) => match tls.accept(&stream) {
                            Ok(tls) => inner.serve(tls),
                            Err(error) => Err(io::Error::other(error.to_string())),
                        },
                    };
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                    lock(&inner.state).answered += 1;
                    inner.changed.notify_all();
                });
            }
        });
        KeyServer { scheme, address, inner }
    }

    /// The key set's address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}/.well-known/jwks.json", self.scheme, self.address)
    }

    /// Serves this instance's key set from now on.
    pub fn serve(&self, clerk: &Clerk) {
        self.answer(Answer::Body(clerk.jwks().into_bytes()));
    }

    /// Answers like this from now on.
    pub fn answer(&self, answer: Answer) {
        lock(&self.inner.state).answer = answer;
    }

    /// Holds every answer back until [`KeyServer::release`].
    pub fn hold(&self) {
        lock(&self.inner.state).held = true;
    }

    /// Lets the answers go that were held back, as the server is told to answer now.
    pub fn release(&self) {
        lock(&self.inner.state).held = false;
        self.inner.changed.notify_all();
    }

    /// How many requests have come.
    #[must_use]
    pub fn requests(&self) -> usize {
        lock(&self.inner.state).requests
    }

    /// Waits, off the runtime, until so many requests have come.
    ///
    /// # Panics
    /// After 20 seconds.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait_until("requests", move |state| state.requests >= count).await;
    }

    /// Waits, off the runtime, until so many connections are finished with.
    ///
    /// # Panics
    /// After 20 seconds.
    pub async fn wait_for_answers(&self, count: usize) {
        self.wait_until("answers", move |state| state.answered >= count).await;
    }

    async fn wait_until(&self, what: &'static str, met: impl Fn(&State) -> bool + Send + 'static) {
        let inner = Arc::clone(&self.inner);
        let waiting = tokio::task::spawn_blocking(move || {
            let limit = Duration::from_secs(20);
            let waited = inner
                .changed
                .wait_timeout_while(lock(&inner.state), limit, |state| !met(state));
            let (state, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
            assert!(
                !outcome.timed_out(),
                "the key server waited in vain for {what}: {} came",
                state.requests
            );
        });
        if let Err(error) = waiting.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        let mut state = lock(&self.inner.state);
        state.stopped = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        drop(state);
        self.inner.changed.notify_all();
        // Wakes the accepting thread so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Inner {
    fn serve(&self, mut stream: impl Read + Write) -> io::Result<()> {
        read_head(&mut stream)?;
        let mut state = lock(&self.state);
        state.requests += 1;
        self.changed.notify_all();
        let released = self.changed.wait_while(state, |state| state.held && !state.stopped);
        let state = released.unwrap_or_else(PoisonError::into_inner);
        let (answer, good) = (state.answer.clone(), state.good.clone());
        drop(state);
        match answer {
            Answer::Body(body) => respond(&mut stream, "200 OK", "", &body),
            Answer::Status(status) => respond(&mut stream, &format!("{status} Status"), "", &good),
            Answer::Redirect(to) => respond(&mut stream, "302 Found", &format!("location: {to}\r\n"), b""),
            Answer::Silent => self.wait_for_the_end(),
            Answer::HeadOnly => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n{")?;
                self.wait_for_the_end()
            }
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                let chunk = [b"1000\r\n".to_vec(), vec![b' '; 0x1000], b"\r\n".to_vec()].concat();
                loop {
                    stream.write_all(&chunk)?;
                }
            }
            Answer::Huge(len) => respond(&mut stream, "200 OK", "", &vec![b' '; len]),
            Answer::CutShort => {
                let half = &good[..good.len() / 2];
                stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", good.len()).as_bytes())?;
                stream.write_all(half)
            }
            Answer::HangUp => Ok(()),
            Answer::Headed(headers, body) => {
                let len = body.len();
                let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {len}\r\nconnection: close\r\n\r\n");
                stream.write_all(head.as_bytes())?;
                stream.write_all(&body)
            }
            Answer::Trickle(beginning) => {
                stream.write_all(beginning.as_bytes())?;
                loop {
                    let pause = Duration::from_millis(20);
                    let state = lock(&self.state);
                    let waited = self.changed.wait_timeout_while(state, pause, |state| !state.stopped);
                    let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                    if state.stopped {
                        return Ok(());
                    }
                    drop(state);
                    stream.write_all(b" ")?;
                }
            }
            Answer::Garbage => stream.write_all(b"\x16\x03\x01\x00\x00 not HTTP\r\n\r\n"),
        }
    }

    fn wait_for_the_end(&self) -> io::Result<()> {
        drop(self.changed.wait_while(lock(&self.state), |state| !state.stopped));
        Ok(())
    }
}

/// A certificate for `127.0.0.1` that the key signs for itself.
fn certificate(key: &PKey<Private>) -> Result<X509, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "a stand-in's key server")?;
    let name = name.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(BigNum::from_u32(1)?.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    builder.set_not_after(Asn1Time::days_from_now(1)?.as_ref())?;
    builder.set_pubkey(key)?;
    let addresses = SubjectAlternativeName::new()
        .ip("127.0.0.1")
        .build(&builder.x509v3_context(None, None))?;
    builder.append_extension(addresses)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

fn acceptor(key: &PKey<Private>, certificate: &X509) -> Result<SslAcceptor, ErrorStack> {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    acceptor.set_private_key(key)?;
    acceptor.set_certificate(certificate)?;
    Ok(acceptor.build())
}

fn read_head(stream: &mut impl Read) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}

fn respond(stream: &mut impl Write, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

//! Where a store is, as one setting says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::store::Error;

/// Where a store is: `sqlite:PATH`, `redis://HOST`, `redis-cluster://HOST` or `redis-sentinel://HOST?service=NAME`.
///
/// `rediss` instead of `redis` asks for TLS, whose trusted authorities are the system's, or those of the PEM file in
/// `?ca=PATH`. `redis://USER:PASSWORD@HOST:PORT/DATABASE` logs in; neither name nor password ever shows in [`Display`],
/// [`Debug`] or an error. Also understood: `?replicas=N`, the replicas that must have a line before it counts as
/// confirmed (without it: as many as were ever seen); `?node=HOST:PORT`, further nodes of a cluster or further
/// sentinels; `?sentinel_user=` and `?sentinel_password=`, where the sentinels have a log-in of their own.
///
/// ```
/// use stream_store::StoreUrl;
///
/// let url: StoreUrl = "rediss://worker:hidden@cache.internal/2?replicas=1".parse()?;
/// assert_eq!(url.to_string(), "rediss://***@cache.internal:6379/2?replicas=1");
/// # Ok::<(), stream_store::Error>(())
/// ```
///
/// [`Display`]: fmt::Display
/// [`Debug`]: fmt::Debug
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub(crate) Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Redis(RedisUrl),
}

/// Everything a URL says of a Redis or Valkey server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RedisUrl {
    pub(crate) shape: Shape,
    pub(crate) tls: bool,
    /// At least one.
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) login: Login,
    pub(crate) database: Option<u8>,
    pub(crate) replicas: Option<u64>,
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Single,
    Cluster,
    Sentinel { service: String, login: Login },
}

#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

const EXPECTED: &str = "the store must be sqlite:PATH, redis://HOST:PORT, redis-cluster://HOST:PORT or \
     redis-sentinel://HOST:PORT?service=NAME (rediss for TLS)";

fn setting(problem: impl Into<String>) -> Error {
    Error::Setting {
        problem: problem.into(),
    }
}

impl FromStr for StoreUrl {
    type Err = Error;

    /// # Errors
    /// [`Error::Setting`] with a sentence on what was expected. Nothing of the text is repeated, save the name of an
    /// option that is not known.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return match path {
                "" => Err(setting("the store's file is missing: sqlite:PATH")),
                path => Ok(Self(Place::Sqlite(path.into()))),
            };
        }
        let url = Url::parse(text).map_err(|_| setting(EXPECTED))?;
        RedisUrl::read(&url).map(|redis| Self(Place::Redis(redis)))
    }
}

impl RedisUrl {
    fn read(url: &Url) -> Result<Self, Error> {
        let (tls, mut shape, port) = match url.scheme() {
            "redis" => (false, Shape::Single, 6379),
            "rediss" => (true, Shape::Single, 6379),
            "redis-cluster" => (false, Shape::Cluster, 6379),
            "rediss-cluster" => (true, Shape::Cluster, 6379),
            scheme @ ("redis-sentinel" | "rediss-sentinel") => {
                let shape = Shape::Sentinel {
                    service: String::new(),
                    login: Login::default(),
                };
                (scheme.starts_with("rediss"), shape, 26379)
            }
            _ => return Err(setting(EXPECTED)),
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| setting(EXPECTED))?;
        let mut hosts = vec![(bare(host), url.port().unwrap_or(port))];
        let login = Login {
            user: decoded(url.username())?,
            password: decoded(url.password().unwrap_or(""))?,
        };
        let (mut replicas, mut ca) = (None, None);
        for (name, value) in url.query_pairs() {
            match (&*name, &mut shape) {
                ("replicas", _) => {
                    let number = value.parse().ok().filter(|number| *number <= 100);
                    replicas =
                        Some(number.ok_or_else(|| setting("the store's replicas must be a number from 0 to 100"))?);
                }
                ("ca", _) if tls => ca = Some(PathBuf::from(&*value)),
                ("node", Shape::Cluster | Shape::Sentinel { .. }) => hosts.push(node(&value, port)?),
                ("service", Shape::Sentinel { service, .. }) => *service = value.into_owned(),
                ("sentinel_user", Shape::Sentinel { login, .. }) => login.user = Some(value.into_owned()),
                ("sentinel_password", Shape::Sentinel { login, .. }) => login.password = Some(value.into_owned()),
                _ => return Err(unknown(&name)),
            }
        }
        if matches!(&shape, Shape::Sentinel { service, .. } if service.is_empty()) {
            return Err(setting(
                "a sentinel store needs its service: redis-sentinel://HOST:PORT?service=NAME",
            ));
        }
        let database = match url.path().trim_matches('/') {
            "" => None,
            _ if matches!(shape, Shape::Cluster) => return Err(setting("a cluster has no numbered databases")),
            number => Some(
                number
                    .parse()
                    .map_err(|_| setting("the store's database must be a number from 0 to 255"))?,
            ),
        };
        Ok(Self {
            shape,
            tls,
            hosts,
            login,
            database,
            replicas,
            ca,
        })
    }
}

/// An option's name may stand beside a password by a slip of the hand, so only a plain word is repeated.
fn unknown(name: &str) -> Error {
    const KNOWN: &str = "known are replicas, ca (with rediss), node (cluster, sentinel), service, sentinel_user and \
         sentinel_password (sentinel)";
    if name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        setting(format!("the store's URL has no option '{name}' here: {KNOWN}"))
    } else {
        setting(format!("the store's URL has an unknown option: {KNOWN}"))
    }
}

/// The client library wants an IPv6 address without its brackets.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn node(text: &str, port: u16) -> Result<(String, u16), Error> {
    let url = Url::parse(&format!("redis://{text}")).map_err(|_| setting("a node must be HOST:PORT"))?;
    match url.host_str() {
        Some(host) if !host.is_empty() && url.path().is_empty() && url.username().is_empty() => {
            Ok((bare(host), url.port().unwrap_or(port)))
        }
        _ => Err(setting("a node must be HOST:PORT")),
    }
}

fn decoded(text: &str) -> Result<Option<String>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| setting("the store's log-in must be UTF-8"))?;
    Ok(Some(text.into_owned()))
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Redis(redis) => redis.fmt(f),
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss" } else { "redis" })?;
        f.write_str(match self.shape {
            Shape::Single => "://",
            Shape::Cluster => "-cluster://",
            Shape::Sentinel { .. } => "-sentinel://",
        })?;
        if self.login != Login::default() {
            f.write_str("***@")?;
        }
        let host = |f: &mut fmt::Formatter<'_>, (host, port): &(String, u16)| match host.contains(':') {
            true => write!(f, "[{host}]:{port}"),
            false => write!(f, "{host}:{port}"),
        };
        host(f, &self.hosts[0])?;
        if let Some(database) = self.database {
            write!(f, "/{database}")?;
        }
        let mut mark = '?';
        let mut option = |f: &mut fmt::Formatter<'_>, name: &str| {
            let begun = write!(f, "{mark}{name}=");
            mark = '&';
            begun
        };
        for node in &self.hosts[1..] {
            option(f, "node")?;
            host(f, node)?;
        }
        if let Shape::Sentinel { service, .. } = &self.shape {
            option(f, "service")?;
            f.write_str(service)?;
        }
        if let Some(replicas) = self.replicas {
            option(f, "replicas")?;
            write!(f, "{replicas}")?;
        }
        if let Some(ca) = &self.ca {
            option(f, "ca")?;
            write!(f, "{}", ca.display())?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(text: &str, shown: &str) {
        let url: StoreUrl = text.parse().expect("a store's URL");
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("StoreUrl({shown})"));
    }

    #[test]
    fn every_shape_of_store_reads_back() {
        shows("sqlite:log.db", "sqlite:log.db");
        shows("sqlite:/var/lib/a b.db", "sqlite:/var/lib/a b.db");
        shows("redis://127.0.0.1", "redis://127.0.0.1:6379");
        shows("redis://localhost:7000/3", "redis://localhost:7000/3");
        shows("redis://[::1]:7000", "redis://[::1]:7000");
        shows("rediss://cache?ca=/etc/ca.pem", "rediss://cache:6379?ca=/etc/ca.pem");
        shows(
            "redis-cluster://a:7000?node=b:7001&node=c",
            "redis-cluster://a:7000?node=b:7001&node=c:6379",
        );
        shows("rediss-cluster://a:7000", "rediss-cluster://a:7000");
        shows(
            "redis-sentinel://s?service=main&replicas=2",
            "redis-sentinel://s:26379?service=main&replicas=2",
        );
    }

    #[test]
    fn a_password_is_taken_and_never_shown() {
        let word = ["hun", "ter", "%40", "2"].concat();
        let text = format!("redis://ana:{word}@h");
        shows(&text, "redis://***@h:6379");
        let Place::Redis(redis) = text.parse::<StoreUrl>().expect("a URL").0 else {
            panic!("a Redis URL")
        };
        assert_eq!(redis.login.user.as_deref(), Some("ana"));
        assert_eq!(redis.login.password.as_deref(), Some("hunter@2"));
        assert_eq!(format!("{redis:?}"), "RedisUrl(redis://***@h:6379)");
        shows(&format!("redis://:{word}@h"), "redis://***@h:6379");
        let with_sentinel = format!("redis-sentinel://h?service=m&sentinel_password={word}");
        shows(&with_sentinel, "redis-sentinel://h:26379?service=m");
    }

    #[test]
    fn a_mistake_is_named_without_its_text() {
        let secret = ["se", "cret"].concat();
        for (text, part) in [
            (String::new(), "must be sqlite:PATH"),
            ("sqlite:".to_owned(), "file is missing"),
            (format!("http://u:{secret}@h"), "must be sqlite:PATH"),
            (format!("redis://u:{secret}@"), "must be sqlite:PATH"),
            (format!("redis://u:{secret}@h:99999"), "must be sqlite:PATH"),
            (format!("redis://u:{secret}@h/x"), "database must be a number"),
            (
                format!("redis://u:{secret}@h?replicas=many"),
                "replicas must be a number",
            ),
            (format!("redis://u:{secret}@h?timeout=3"), "no option 'timeout'"),
            (format!("redis://h?{secret}%20{secret}=3"), "an unknown option"),
            ("redis://h?ca=/x".to_owned(), "no option 'ca'"),
            ("redis-sentinel://h".to_owned(), "needs its service"),
            ("redis-cluster://h/1".to_owned(), "no numbered databases"),
            (format!("redis-cluster://h?node=u:{secret}@x"), "a node must be"),
        ] {
            let error = text.parse::<StoreUrl>().expect_err(&text).to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains(&secret), "{error}");
        }
    }
}

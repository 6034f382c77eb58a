//! Programs that take a secret as an argument without a name that says so: `mysql -pSECRET`, `curl -u user:SECRET`.

use std::sync::LazyLock;

use crate::address;
use crate::argv;
use crate::hashed;
use crate::header;
use crate::joint::further;
use crate::login;
use crate::name;
use crate::rules;
use crate::span::Spans;
use crate::value::{self, Strength, Written};

/// Where a program's secret stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Glued to the flag: `-pSECRET`.
    Glued(&'static str),
    /// The word after the flag.
    Next(&'static str),
    /// Behind the colon of the word after the flag: `-u user:SECRET`.
    User(&'static str),
    /// Behind the percent sign: `-U user%SECRET`.
    Percent(&'static str),
    /// Behind the slash of the first word that has one: `user/SECRET@database`.
    Slash,
    /// The cookies after the flag.
    Cookies(&'static str),
    /// Behind the comma of the word after the flag: `-u user,SECRET`.
    Comma(&'static str),
    /// What follows the keyword itself, whose length this is.
    Here(usize),
    /// The second, third and fourth word from the end of the keyword on.
    Second(usize),
    Third(usize),
    Fourth(usize),
    /// The last word of the line that has a colon, behind it.
    Last(usize),
    /// A flag glued to its value in a list of arguments: `mysqldump" ["-uroot" "-pSECRET"]`.
    Listed(&'static str),
    /// Behind the `=` of a statement: `SET PASSWORD FOR 'name' = 'SECRET'`.
    Equated,
    /// The value of a parameter that is said to be secure.
    Secure,
    /// A value that a flag refused: `invalid value 'SECRET' for '--token'`.
    Refused(usize),
    /// The `Key` of a section of this name.
    Section(usize),
    /// Beside a user, with any program: `-u user -p SECRET`.
    BesideUser,
    /// Behind a program's `login`, with any of the usual flags.
    Login,
    /// Behind the colon of the word after the keyword, whatever the program: `--user name:SECRET`.
    Halves(usize),
    /// A later argument of a call that logs in.
    Called(usize),
    /// Salt and hash of a password.
    Hashed(usize),
    /// Between the colon and the `@` of what follows: `:pserver:user:SECRET@host`.
    Repository(usize),
    /// The word behind the keyword, when nobody would write it for anything but a secret.
    Worded(usize),
    /// The second half of that word: `name:SECRET`.
    Parted(usize),
    /// `name:SECRET@host` without a scheme.
    AtHost,
    /// `IDENTIFIED BY 'SECRET'`, which prose says as well.
    Identified(usize),
    /// A line of the password file of PostgreSQL.
    PasswordFile,
    /// What an `echo` before the keyword writes into it: `echo SECRET | docker login --password-stdin`.
    Echoed,
    /// An item of a list of arguments that begins with a dash.
    Argv,
    /// One of the next words, when it is drawn by chance: `user add name:SECRET`.
    Among(usize),
    /// The word behind a flag, whatever the program, when it is drawn by chance.
    Flagged(usize),
    /// The value of a parameter of an address whose name says little, when it is drawn by chance.
    Parameter(usize),
    /// What a script types, up to the end of a line that it sends.
    Sent(usize),
    /// The part of a path behind this one: `https://conda.example.com/t/SECRET/channel`.
    Segment(&'static str),
    /// Behind the `=` of an entry, whatever it is called: `--from-literal=key1=SECRET`.
    Literal(usize),
}

/// The keywords, lower case; case does not matter.
pub(crate) const KEYWORDS: &[(&str, Kind)] = &[
    ("mysql ", Kind::Glued("-p")),
    ("mysqldump ", Kind::Glued("-p")),
    ("mysqladmin ", Kind::Glued("-p")),
    ("mysqlimport ", Kind::Glued("-p")),
    ("mariadb ", Kind::Glued("-p")),
    ("mariadb-dump ", Kind::Glued("-p")),
    ("sshpass ", Kind::Glued("-p")),
    ("sshpass ", Kind::Next("-p")),
    ("redis-cli ", Kind::Next("-a")),
    ("valkey-cli ", Kind::Next("-a")),
    ("docker login ", Kind::Next("-p")),
    ("podman login ", Kind::Next("-p")),
    ("buildah login ", Kind::Next("-p")),
    ("skopeo login ", Kind::Next("-p")),
    ("registry login ", Kind::Next("-p")),
    ("az login ", Kind::Next("-p")),
    ("mongosh ", Kind::Next("-p")),
    ("mongodump ", Kind::Next("-p")),
    ("mongorestore ", Kind::Next("-p")),
    ("ldapsearch ", Kind::Next("-w")),
    ("ldapmodify ", Kind::Next("-w")),
    ("sqlcmd ", Kind::Next("-P")),
    ("sqlcmd ", Kind::Glued("-P")),
    ("bcp ", Kind::Next("-P")),
    ("mosquitto_pub ", Kind::Next("-P")),
    ("mosquitto_sub ", Kind::Next("-P")),
    ("influx ", Kind::Next("-t")),
    ("twine upload ", Kind::Next("-p")),
    ("smbclient ", Kind::Percent("-U")),
    ("curl ", Kind::User("-u")),
    ("curl ", Kind::User("--user")),
    ("curl ", Kind::User("-U")),
    ("curl ", Kind::User("--proxy-user")),
    ("curl ", Kind::Cookies("-b")),
    ("curl ", Kind::Cookies("--cookie")),
    ("sqlplus ", Kind::Slash),
    ("sqlldr ", Kind::Slash),
    ("expdp ", Kind::Slash),
    ("impdp ", Kind::Slash),
    ("openssl enc ", Kind::Next("-k")),
    ("openssl aes-256-cbc ", Kind::Next("-k")),
    ("security unlock-keychain ", Kind::Next("-p")),
    ("security create-keychain ", Kind::Next("-p")),
    ("security import ", Kind::Next("-P")),
    ("gh secret set ", Kind::Next("--body")),
    ("gh secret set ", Kind::Next("-b")),
    ("signtool sign ", Kind::Next("/p")),
    ("7za ", Kind::Glued("-p")),
    ("7z x ", Kind::Glued("-p")),
    ("7z a ", Kind::Glued("-p")),
    ("7z e ", Kind::Glued("-p")),
    ("unzip ", Kind::Next("-P")),
    ("zip -", Kind::Next("-P")),
    ("--password-stdin", Kind::Echoed),
    ("sudo -s ", Kind::Echoed),
    ("convertto-securestring ", Kind::Here(23)),
    ("cqlsh ", Kind::Next("-p")),
    ("crane auth login ", Kind::Next("-p")),
    ("oras login ", Kind::Next("-p")),
    ("cypher-shell ", Kind::Next("-p")),
    ("nuget push ", Kind::Next("-k")),
    ("nuget push ", Kind::Next("--api-key")),
    ("codecov ", Kind::Next("-t")),
    ("cargo login ", Kind::Here(12)),
    ("vault login ", Kind::Here(12)),
    ("ngrok authtoken ", Kind::Here(16)),
    ("add-authtoken ", Kind::Here(14)),
    ("activate-refresh-token ", Kind::Second(23)),
    ("add_user ", Kind::Second(9)),
    ("change_password ", Kind::Second(16)),
    ("http-basic.", Kind::Third(11)),
    ("pypi-token.", Kind::Second(11)),
    ("mc alias set ", Kind::Fourth(13)),
    ("mc config host add ", Kind::Fourth(19)),
    ("gem push --key ", Kind::Here(15)),
    ("useradd ", Kind::Next("-p")),
    ("usermod ", Kind::Next("-p")),
    ("lftp ", Kind::Comma("-u")),
    ("sonar.login=", Kind::Here(12)),
    ("chpasswd", Kind::Echoed),
    ("htpasswd -b", Kind::Fourth(9)),
    ("secret put ", Kind::Next("<<<")),
    ("identified by ", Kind::Identified(14)),
    ("_password by ", Kind::Here(13)),
    ("clickhouse-client ", Kind::Next("--password")),
    ("snyk auth ", Kind::Here(10)),
    ("passin pass:", Kind::Here(12)),
    ("passout pass:", Kind::Here(13)),
    ("-pass pass:", Kind::Here(11)),
    ("requirepass ", Kind::Here(12)),
    ("masterauth ", Kind::Here(11)),
    (" -u ", Kind::BesideUser),
    ("login ", Kind::Login),
    ("auth init ", Kind::Login),
    ("auth docker ", Kind::Login),
    ("vercel ", Kind::Next("-t")),
    ("http -a", Kind::Halves(7)),
    ("https -a", Kind::Halves(8)),
    ("xh -a", Kind::Halves(5)),
    ("xhs -a", Kind::Halves(6)),
    ("--user", Kind::Halves(6)),
    ("--auth", Kind::Halves(6)),
    ("creds ", Kind::Halves(5)),
    ("creds=", Kind::Halves(5)),
    ("--cert", Kind::Halves(6)),
    ("getconnection(", Kind::Called(14)),
    ("mysql_connect(", Kind::Called(14)),
    ("mysqli_connect(", Kind::Called(15)),
    ("new pdo(", Kind::Called(8)),
    ("new mysqli(", Kind::Called(11)),
    (".login(", Kind::Called(7)),
    ("auth(", Kind::Called(5)),
    ("auth=(", Kind::Called(6)),
    ("authenticate(", Kind::Called(13)),
    ("credentials(", Kind::Called(12)),
    ("credential(", Kind::Called(11)),
    ("signin(", Kind::Called(7)),
    ("sign_in(", Kind::Called(8)),
    ("$2a$", Kind::Hashed(4)),
    ("$2b$", Kind::Hashed(4)),
    ("$2y$", Kind::Hashed(4)),
    (":$6$", Kind::Hashed(4)),
    (" $6$", Kind::Hashed(4)),
    ("\"$6$", Kind::Hashed(4)),
    ("'$6$", Kind::Hashed(4)),
    ("=$6$", Kind::Hashed(4)),
    (":$5$", Kind::Hashed(4)),
    ("'$5$", Kind::Hashed(4)),
    ("\"$5$", Kind::Hashed(4)),
    (":$1$", Kind::Hashed(4)),
    (" $1$", Kind::Hashed(4)),
    ("'$1$", Kind::Hashed(4)),
    ("\"$1$", Kind::Hashed(4)),
    (":$y$", Kind::Hashed(4)),
    (" $y$", Kind::Hashed(4)),
    ("$apr1$", Kind::Hashed(6)),
    ("$argon2id$", Kind::Hashed(10)),
    ("$argon2i$", Kind::Hashed(9)),
    ("$scrypt$", Kind::Hashed(8)),
    ("$pbkdf2-", Kind::Hashed(8)),
    ("pbkdf2_sha256$", Kind::Hashed(14)),
    ("pbkdf2:sha256:", Kind::Hashed(14)),
    ("scram-sha-256$", Kind::Hashed(14)),
    ("{ssha}", Kind::Hashed(6)),
    ("{sha}", Kind::Hashed(5)),
    (":5432:", Kind::PasswordFile),
    ("put-parameter ", Kind::Secure),
    ("keyvault secret set ", Kind::Next("--value")),
    ("az sql server create ", Kind::Next("-p")),
    ("bundle config ", Kind::Last(14)),
    ("cf auth ", Kind::Second(8)),
    ("bw login ", Kind::Second(9)),
    ("github-oauth.", Kind::Second(13)),
    ("gitlab-token.", Kind::Second(13)),
    ("user-secrets set ", Kind::Second(17)),
    ("-passwd ", Kind::Second(8)),
    ("net user ", Kind::Second(9)),
    ("net use ", Kind::Third(8)),
    ("net use ", Kind::Second(8)),
    ("wpa_passphrase ", Kind::Second(15)),
    ("htpasswd -n", Kind::Third(11)),
    ("mosquitto_passwd -b ", Kind::Third(20)),
    ("ldappasswd ", Kind::Next("-s")),
    ("ldappasswd ", Kind::Next("-w")),
    ("kinit", Kind::Echoed),
    ("kinit ", Kind::Next("<<<")),
    ("--with-token", Kind::Echoed),
    ("--with-token ", Kind::Next("<<<")),
    ("rclone obscure ", Kind::Here(15)),
    ("p4 -p ", Kind::Flagged(6)),
    ("rar a ", Kind::Glued("-p")),
    ("rar a ", Kind::Glued("-hp")),
    ("rar x ", Kind::Glued("-p")),
    ("unrar ", Kind::Glued("-p")),
    (":pserver:", Kind::Repository(9)),
    ("ssh-keygen ", Kind::Next("-N")),
    ("ssh-keygen ", Kind::Next("-P")),
    ("xfreerdp ", Kind::Glued("/p:")),
    ("winrs ", Kind::Glued("-p:")),
    ("altool ", Kind::Next("-p")),
    ("supabase link ", Kind::Next("-p")),
    ("conan user ", Kind::Next("-p")),
    ("curl ", Kind::User("-E")),
    ("basic_authorization ", Kind::Here(20)),
    ("secret_id=", Kind::Here(10)),
    ("mysqldump\" ", Kind::Listed("-p")),
    ("mysqldump\",", Kind::Listed("-p")),
    ("mysqldump',", Kind::Listed("-p")),
    ("mysql\" ", Kind::Listed("-p")),
    ("mysql\",", Kind::Listed("-p")),
    ("mysql',", Kind::Listed("-p")),
    ("set password for ", Kind::Equated),
    ("invalid value '", Kind::Refused(15)),
    ("\"jwt\": {", Kind::Section(8)),
    ("\"jwt\":{", Kind::Section(7)),
    ("'-p', '", Kind::Worded(6)),
    ("'-p','", Kind::Worded(5)),
    ("\"-p\", \"", Kind::Worded(6)),
    ("\"-p\",\"", Kind::Worded(5)),
    ("'-w', '", Kind::Worded(6)),
    ("\"-w\", \"", Kind::Worded(6)),
    ("'-u', '", Kind::Parted(6)),
    ("'-u','", Kind::Parted(5)),
    ("\"-u\", \"", Kind::Parted(6)),
    ("\"-u\",\"", Kind::Parted(5)),
    (" -d cn=", Kind::BesideUser),
    (" -d uid=", Kind::BesideUser),
    (" -d \"cn=", Kind::BesideUser),
    (" -d 'cn=", Kind::BesideUser),
    (" -pw ", Kind::Worded(5)),
    ("hey -a ", Kind::Halves(6)),
    ("ab -a ", Kind::Halves(5)),
    ("<<< \"", Kind::Worded(4)),
    ("<<< '", Kind::Worded(4)),
    ("production <<<", Kind::Worded(14)),
    ("cargo login --registry ", Kind::Second(23)),
    ("drone -t ", Kind::Worded(9)),
    ("anaconda -t ", Kind::Worded(12)),
    ("bindpw ", Kind::Worded(7)),
    ("rootpw ", Kind::Worded(7)),
    ("-sec.psk ", Kind::Worded(9)),
    ("hibernate.connection.password ", Kind::Worded(30)),
    ("cookieparser(", Kind::Worded(13)),
    ("set-key-partition-list ", Kind::Next("-k")),
    ("add-generic-password ", Kind::Next("-w")),
    ("add-internet-password ", Kind::Next("-w")),
    ("certutil ", Kind::Next("-p")),
    ("snmpwalk ", Kind::Next("-A")),
    ("snmpwalk ", Kind::Next("-X")),
    ("snmpget ", Kind::Next("-A")),
    ("snmpget ", Kind::Next("-X")),
    ("hatch publish ", Kind::Next("-a")),
    ("7zz x ", Kind::Glued("-p")),
    ("7zz a ", Kind::Glued("-p")),
    ("mysql ", Kind::Listed("-p")),
    ("mysqlsh ", Kind::AtHost),
    ("wmiexec", Kind::AtHost),
    ("smbexec", Kind::AtHost),
    ("secretsdump", Kind::AtHost),
    ("psexec.py ", Kind::AtHost),
    ("rman target ", Kind::Slash),
    ("--otp ", Kind::Here(6)),
    ("cryptsetup ", Kind::Echoed),
    ("passphrase-fd", Kind::Echoed),
    ("| passwd", Kind::Echoed),
    ("| su - ", Kind::Echoed),
    ("secret put ", Kind::Echoed),
    ("=/dev/stdin", Kind::Echoed),
    ("auth = (", Kind::Called(8)),
    (" login(", Kind::Called(7)),
    ("authentication(", Kind::Called(15)),
    (".connect(", Kind::Called(9)),
    ("smtp.start(", Kind::Called(11)),
    ("createhmac(", Kind::Called(11)),
    ("jwt.sign(", Kind::Called(9)),
    ("jwt.encode(", Kind::Called(11)),
    ("jwt.verify(", Kind::Called(11)),
    ("hmac.new(", Kind::Called(9)),
    ("invalid argument \"", Kind::Refused(18)),
    ("acl setuser ", Kind::Glued(">")),
    ("issecret=true]", Kind::Here(14)),
    ("samba-tool user create ", Kind::Second(23)),
    ("authenticate_user ", Kind::Second(18)),
    ("snyk config set api=", Kind::Here(20)),
    ("db2 connect ", Kind::Next("using")),
    ("set-agent-token ", Kind::Second(16)),
    ("convertto-securestring ", Kind::Next("-String")),
    ("encrypt_string ", Kind::Here(15)),
    ("hex.user auth ", Kind::Next("--key")),
    ("scrypt:32768:", Kind::Hashed(13)),
    ("twine upload ", Kind::Glued("-p")),
    ("unzip ", Kind::Glued("-P")),
    ("| cargo login", Kind::Echoed),
    ("--with-token <<<", Kind::Here(16)),
    ("authenticator(", Kind::Called(14)),
    ("netlify deploy ", Kind::Next("-a")),
    ("\", \"-", Kind::Argv),
    ("\",\"-", Kind::Argv),
    ("', '-", Kind::Argv),
    ("','-", Kind::Argv),
    ("', ['-", Kind::Argv),
    ("\", [\"-", Kind::Argv),
    (" -p ", Kind::Flagged(4)),
    ("user add ", Kind::Among(9)),
    ("user create ", Kind::Among(12)),
    ("user-create ", Kind::Among(12)),
    ("user-add ", Kind::Among(9)),
    ("create-user ", Kind::Among(12)),
    ("createuser ", Kind::Among(11)),
    ("adduser ", Kind::Among(8)),
    ("logging in ", Kind::Among(11)),
    ("login with ", Kind::Among(11)),
    ("log in with ", Kind::Among(12)),
    ("sign in with ", Kind::Among(13)),
    ("login: ", Kind::Among(7)),
    ("sp_addlogin ", Kind::Among(12)),
    ("exp scott/", Kind::Slash),
    ("exp system/", Kind::Slash),
    ("imp scott/", Kind::Slash),
    ("imp system/", Kind::Slash),
    ("connect scott/", Kind::Slash),
    ("connect system/", Kind::Slash),
    ("connect sys/", Kind::Slash),
    ("conn scott/", Kind::Slash),
    ("conn system/", Kind::Slash),
    ("conn sys/", Kind::Slash),
    ("::add-mask::", Kind::Here(12)),
    ("community ", Kind::Among(10)),
    ("radius-server ", Kind::Among(14)),
    ("tacacs-server ", Kind::Among(14)),
    ("createcipheriv(", Kind::Called(15)),
    ("fernet(", Kind::Worded(7)),
    ("fernet(b'", Kind::Worded(8)),
    ("secretkeyspec(", Kind::Worded(14)),
    ("httpbasic(", Kind::Called(10)),
    ("credentials.create(", Kind::Called(19)),
    ("credentials.basic(", Kind::Called(18)),
    ("unseal ", Kind::Worded(7)),
    ("newrelic-admin license", Kind::Worded(23)),
    (" <<< ", Kind::Among(5)),
    (" -p:", Kind::Flagged(4)),
    (" /p:", Kind::Flagged(4)),
    (" /rp ", Kind::Flagged(5)),
    (" -ap ", Kind::Flagged(5)),
    (" -kvs ", Kind::Flagged(6)),
    ("--key ", Kind::Flagged(6)),
    (" /user:", Kind::Among(7)),
    ("bcp ", Kind::Glued("-P")),
    ("isql ", Kind::Among(5)),
    ("snmpwalk ", Kind::Next("-c")),
    ("snmpget ", Kind::Next("-c")),
    ("snmpset ", Kind::Next("-c")),
    ("snmpbulkwalk ", Kind::Next("-c")),
    ("zip -", Kind::Next("-rP")),
    ("codecov.io/bash", Kind::Next("-t")),
    ("marker -k ", Kind::Worded(10)),
    ("service install ", Kind::Flagged(16)),
    ("recovery code", Kind::Among(13)),
    ("backup code", Kind::Among(11)),
    ("from-literal=", Kind::Literal(13)),
    ("hmac.new(b'", Kind::Worded(10)),
    ("hmac.new(b\"", Kind::Worded(10)),
    ("client(", Kind::Called(7)),
    ("connect(", Kind::Called(8)),
    ("connection(", Kind::Called(11)),
    ("encrypt(", Kind::Called(8)),
    ("decrypt(", Kind::Called(8)),
    (".sign(", Kind::Called(6)),
    ("authentication failed", Kind::Among(21)),
    ("login failed", Kind::Among(12)),
    ("login (", Kind::Among(7)),
    ("bind(\"", Kind::Called(5)),
    ("bind('", Kind::Called(5)),
    ("bind_s(", Kind::Called(7)),
    ("ldap_bind(", Kind::Called(10)),
    ("_login(", Kind::Called(7)),
    ("create_user(", Kind::Called(12)),
    ("create_superuser(", Kind::Called(17)),
    ("minio(", Kind::Called(6)),
    ("twilio(", Kind::Called(7)),
    ("aes.new(", Kind::Called(8)),
    ("hash::make(", Kind::Worded(11)),
    ("hashsync(", Kind::Worded(9)),
    ("bcrypt.hash(", Kind::Worded(12)),
    ("bcrypt.compare(", Kind::Worded(15)),
    ("pre-shared-key", Kind::Among(14)),
    ("authentication-key", Kind::Among(18)),
    ("key-string ", Kind::Among(11)),
    ("isakmp key", Kind::Among(10)),
    ("pragma key", Kind::Among(10)),
    (" key '", Kind::Flagged(5)),
    ("identify ", Kind::Among(9)),
    ("sasl plain ", Kind::Among(11)),
    (" auth ", Kind::Among(6)),
    ("sip:", Kind::Repository(4)),
    ("sips:", Kind::Repository(5)),
    ("xmpp:", Kind::Repository(5)),
    ("mysql(", Kind::Called(6)),
    ("postgresql(", Kind::Called(11)),
    ("mongodb(", Kind::Called(8)),
    (" s3(", Kind::Called(4)),
    ("--value ", Kind::Flagged(8)),
    ("<<<\"", Kind::Among(3)),
    ("<<<'", Kind::Among(3)),
    ("(echo ", Kind::Among(6)),
    (":587 ", Kind::Among(5)),
    (":465 ", Kind::Among(5)),
    (" on >", Kind::Worded(5)),
    ("&p=", Kind::Parameter(3)),
    ("?p=", Kind::Parameter(3)),
    ("stripe(", Kind::Called(7)),
    ("resend(", Kind::Called(7)),
    ("openai(", Kind::Called(7)),
    ("octokit(", Kind::Called(8)),
    ("telegraf(", Kind::Called(9)),
    ("sendgrid(", Kind::Called(9)),
    ("mailgun(", Kind::Called(8)),
    ("connect ", Kind::Among(8)),
    ("catalog ", Kind::Among(8)),
    (".open \"", Kind::Called(6)),
    ("srvlogin ", Kind::Among(9)),
    (".logon ", Kind::Among(7)),
    ("osql ", Kind::Glued("-P")),
    ("rar x ", Kind::Glued("-hp")),
    (" xauth ", Kind::Among(7)),
    (": eap ", Kind::Among(6)),
    ("digest-key ", Kind::Among(11)),
    ("key content", Kind::Among(11)),
    ("session cookie", Kind::Among(14)),
    ("&psd=", Kind::Parameter(5)),
    ("&psw=", Kind::Parameter(5)),
    ("tcp(", Kind::Repository(4)),
    ("=//", Kind::Repository(3)),
    ("connecting to ", Kind::AtHost),
    ("-user", Kind::Halves(5)),
    ("ab -n", Kind::User("-A")),
    ("ab -c", Kind::User("-A")),
    (" unlock ", Kind::Among(8)),
    ("wallet(", Kind::Worded(7)),
    ("keytoaccount(", Kind::Worded(13)),
    ("accounts: [\"", Kind::Worded(11)),
    ("--value=", Kind::Flagged(8)),
    ("superuser ", Kind::Among(10)),
    ("setpw ", Kind::Among(6)),
    ("add-user ", Kind::Among(9)),
    ("configure(", Kind::Called(10)),
    (".begin(", Kind::Called(7)),
    ("webservice(", Kind::Called(11)),
    ("hmac256(", Kind::Called(8)),
    ("hmac512(", Kind::Called(8)),
    ("shakeyfor(", Kind::Worded(10)),
    ("hexdigest(", Kind::Called(10)),
    ("certificate2(", Kind::Called(13)),
    ("hash_hmac(", Kind::Called(10)),
    ("signedstring(", Kind::Called(13)),
    ("keystore.load(", Kind::Called(14)),
    ("secretkey(", Kind::Worded(10)),
    ("fernet(b\"", Kind::Worded(8)),
    ("aes.new(b\"", Kind::Worded(9)),
    ("aes.new(b'", Kind::Worded(9)),
    ("hexkey:", Kind::Here(7)),
    ("openssl enc ", Kind::Next("-K")),
    ("oathtool ", Kind::Among(9)),
    (" -hmac ", Kind::Worded(7)),
    ("ovsx publish ", Kind::Next("-p")),
    ("vsce publish ", Kind::Next("-p")),
    ("textencoder().encode(", Kind::Called(21)),
    ("-login", Kind::Halves(6)),
    ("-cred", Kind::Halves(5)),
    ("user = \"", Kind::Parted(8)),
    ("login = ", Kind::Flagged(8)),
    ("signwith(", Kind::Called(9)),
    ("__construct(", Kind::Called(12)),
    ("getbytes(", Kind::Worded(9)),
    ("getoctokit(", Kind::Worded(11)),
    ("github(\"", Kind::Worded(7)),
    ("github('", Kind::Worded(7)),
    ("gitlab(\"", Kind::Worded(7)),
    ("conda", Kind::Segment("/t/")),
    ("contrase", Kind::Among(8)),
    ("mot de passe", Kind::Among(12)),
    ("wachtwoord", Kind::Among(10)),
    ("senha: ", Kind::Among(6)),
    ("ароль", Kind::Among(10)),
    ("密码", Kind::Among(6)),
    ("密碼", Kind::Among(6)),
    ("パスワード", Kind::Among(15)),
    ("비밀번호", Kind::Among(12)),
    ("lösenord", Kind::Among(9)),
    ("hasło", Kind::Among(6)),
    ("send \"", Kind::Sent(5)),
    ("send -- \"", Kind::Sent(8)),
];

/// How far behind the program its flag is looked for: bounded, so that a line of program names stays linear.
const REACH: usize = 256;

/// Up to where the flag of each keyword was looked for in vain, so that a line of program names is read once for each.
pub(crate) struct Seen {
    vain: [u32; KEYWORDS.len()],
    login: login::Seen,
    further: further::Seen,
    /// Whether the lists of the text were looked at.
    listed: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            vain: [0; KEYWORDS.len()],
            login: login::Seen::default(),
            further: further::Seen::default(),
            listed: false,
        }
    }
}

/// The rows of the table that begin with one keyword.
struct Program {
    literal: &'static str,
    /// What it takes behind flags, each with its place in [`KEYWORDS`].
    flags: Vec<(usize, &'static [u8], Kind)>,
    /// Its other rows.
    others: Vec<Kind>,
}

/// The table by keyword, so that a program which takes a secret in many ways is met once.
static PROGRAMS: LazyLock<Vec<Program>> = LazyLock::new(|| {
    let mut programs: Vec<Program> = Vec::new();
    for (index, (literal, kind)) in KEYWORDS.iter().enumerate() {
        let known = programs.iter().position(|program| program.literal == *literal);
        let at = known.unwrap_or(programs.len());
        if known.is_none() {
            programs.push(Program {
                literal,
                flags: Vec::new(),
                others: Vec::new(),
            });
        }
        match kind {
            Kind::Glued(flag)
            | Kind::Cookies(flag)
            | Kind::Next(flag)
            | Kind::User(flag)
            | Kind::Comma(flag)
            | Kind::Percent(flag) => programs[at].flags.push((index, flag.as_bytes(), *kind)),
            other => programs[at].others.push(*other),
        }
    }
    debug_assert!(programs.iter().all(|program| program.flags.len() <= MOST_FLAGS));
    programs
});

/// The keywords, each once, in the order of their numbers.
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|program| program.literal)
}

/// Reports the arguments of the program whose name, by its number in [`keywords`], is at `at`.
pub(crate) fn find(text: &[u8], at: usize, program: u16, seen: &mut Seen, spans: &mut Spans) {
    let program = &PROGRAMS[usize::from(program)];
    for kind in &program.others {
        one(text, at, *kind, seen, spans);
    }
    if !program.flags.is_empty() && !ends_a_word(text, at) {
        behind_flags(text, at, &program.flags, seen, spans);
    }
}

/// Whether what stands at `at` is the end of a longer word.
fn ends_a_word(text: &[u8], at: usize) -> bool {
    at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_')
}

fn one(text: &[u8], at: usize, kind: Kind, seen: &mut Seen, spans: &mut Spans) {
    match kind {
        Kind::BesideUser => return login::beside_user(text, at, &mut seen.login, spans),
        Kind::Halves(length) => return login::halves(text, at + length, spans),
        Kind::Called(length) => return login::called(text, at + length, &mut seen.login, spans),
        Kind::Hashed(length) => return hashed::find(text, at + length, spans),
        Kind::PasswordFile => return address::password_file(text, at, spans),
        Kind::Worded(length) => return login::worded(text, at + length, spans),
        Kind::Parted(length) => return login::parted(text, at + length, spans),
        Kind::Identified(length) => {
            return if matches!(text.get(at + length), Some(b'"' | b'\'')) {
                report(text, at + length, spans);
            } else {
                login::stated(text, at + length, spans);
            };
        }
        Kind::Repository(length) => return repository(text, at + length, spans),
        Kind::Equated => return equated(text, at, spans),
        Kind::Refused(length) => return refused(text, at + length, spans),
        Kind::Section(length) => return section(text, at + length, spans),
        Kind::Argv if std::mem::replace(&mut seen.listed, true) => return,
        Kind::Argv => return argv::find(text, spans),
        Kind::Among(length) => {
            let found = further::find(text, at + length, Strength::Password, &mut seen.further);
            if let Some(range) = found {
                spans.push(range, rules::COMMAND_LINE);
            }
            return;
        }
        Kind::Flagged(length) => return login::drawn(text, at + length, spans),
        Kind::Sent(length) => {
            let (from, end) = word_at(text, at + length);
            if let Some(typed) = text[from..end]
                .strip_suffix(b"\\r")
                .or_else(|| text[from..end].strip_suffix(b"\\n"))
                && login::is_made_up(typed)
            {
                push(text, from, from + typed.len(), spans);
            }
            return;
        }
        Kind::Parameter(length) => {
            let from = at + length;
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'`');
            let length = text[from..].iter().take(REACH).take_while(|byte| !ends(byte)).count();
            if crate::chance::is_drawn(&text[from..from + length]) {
                push(text, from, from + length, spans);
            }
            return;
        }
        Kind::Segment(before) => return segment(text, at, before, spans),
        Kind::Literal(length) => return login::entry(text, at + length, spans),
        _ => {}
    }
    if ends_a_word(text, at) && !matches!(kind, Kind::Here(_) | Kind::Echoed) {
        return;
    }
    match kind {
        Kind::Here(length) => return report(text, at + length, spans),
        Kind::Second(length) => return nth(text, at + length, 1, spans),
        Kind::Third(length) => return nth(text, at + length, 2, spans),
        Kind::Fourth(length) => {
            nth(text, at + length, 2, spans);
            return nth(text, at + length, 3, spans);
        }
        Kind::Slash => return behind_slash(text, at, spans),
        Kind::AtHost => return at_host(text, at, spans),
        Kind::Last(length) => return last(text, at + length, spans),
        Kind::Secure => return secure(text, at, spans),
        Kind::Listed(flag) => return listed(text, at, flag, spans),
        Kind::Login => {
            if at > 0 && matches!(text[at - 1], b' ' | b'+') {
                echoed(text, at, spans);
                login::behind_login(text, at, &mut seen.login, spans);
                if let Some(range) = further::find(text, at + "login ".len(), Strength::Password, &mut seen.further) {
                    spans.push(range, rules::COMMAND_LINE);
                }
            }
            return;
        }
        Kind::Echoed => echoed(text, at + usize::from(text[at] == b'|'), spans),
        // Those are done, or belong to the flags.
        _ => {}
    }
}

/// Reports what stands behind the flags of a program, each at its first place. All are looked for on one way along the words.
fn behind_flags(text: &[u8], at: usize, flags: &[(usize, &'static [u8], Kind)], seen: &mut Seen, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    // From where on each is still looked for: where it was looked for in vain before, it need not be again, and once it was
    // met it is not looked for at all.
    let mut begins = [end; MOST_FLAGS];
    for (begin, (index, ..)) in begins.iter_mut().zip(flags) {
        *begin = at.max(seen.vain[*index].saturating_sub(1) as usize).min(end);
    }
    let begins = &mut begins[..flags.len()];
    let mut met = 0u32;
    let mut from = begins.iter().copied().min().unwrap_or(end);
    while from < end
        && let Some(found) = memchr::memchr(b' ', &text[from..end])
    {
        from += found + 1;
        let Some((first, rest)) = text[from..].split_first() else {
            break;
        };
        let before = met;
        for (number, (_, flag, kind)) in flags.iter().enumerate() {
            // Most words are told from a flag by their first two bytes.
            if flag[0] == *first
                && flag.get(1).is_none_or(|second| rest.first() == Some(second))
                && from > begins[number]
                && text[from..].starts_with(flag)
                && argument(text, from + flag.len(), *kind, spans)
            {
                met |= 1 << number;
                begins[number] = end;
            }
        }
        if met != before {
            from = begins.iter().copied().min().unwrap_or(end).max(from);
        }
    }
    for (number, (index, ..)) in flags.iter().enumerate() {
        if met >> number & 1 == 0 {
            // A line is far shorter than that; were it not, its end would be read again.
            seen.vain[*index] = u32::try_from(end).unwrap_or(0);
        }
    }
}

/// The most flags of one program.
const MOST_FLAGS: usize = 16;

/// Reports what a flag that ends at `after` takes. False when the flag only begins as this one does.
fn argument(text: &[u8], after: usize, kind: Kind, spans: &mut Spans) -> bool {
    match (kind, text.get(after)) {
        (Kind::Glued(_), Some(byte)) if !byte.is_ascii_whitespace() => report(text, after, spans),
        (Kind::Cookies(_), Some(b' ' | b'=')) => {
            let (word, stop) = word_at(text, after + 1);
            header::cookies(text, word, stop, spans);
        }
        (Kind::Next(_), Some(b' ' | b'=')) => report(text, after + 1, spans),
        (Kind::User(_) | Kind::Comma(_) | Kind::Percent(_), Some(byte)) => {
            let separator = match kind {
                Kind::User(_) => b':',
                Kind::Comma(_) => b',',
                _ => b'%',
            };
            let word = if matches!(byte, b' ' | b'=') { after + 1 } else { after };
            let (word, stop) = word_at(text, word);
            // `-u TOKEN:`: no password, and so the user is the secret.
            if text[word..stop].ends_with(b":") && crate::chance::is_token(&text[word..stop - 1]) {
                push(text, word, stop - 1, spans);
            } else if let Some(colon) = text[word..stop].iter().position(|byte| *byte == separator) {
                push(text, word + colon + 1, stop, spans);
            }
        }
        _ => return false,
    }
    true
}

/// `sqlplus user/SECRET@database`: in the first word behind the program that is no flag and no path.
fn behind_slash(text: &[u8], at: usize, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    let line = &text[at..end];
    let mut from = 0;
    while let Some(space) = memchr::memchr(b' ', &line[from..]) {
        from += space + 1;
        let (start, stop) = word_at(text, at + from);
        let word = &text[start..stop];
        if let Some(slash) = word.iter().position(|byte| *byte == b'/')
            && slash > 0
            && !matches!(word[0], b'-' | b'@' | b'.')
        {
            let password = start + slash + 1;
            let sign = text[password..stop].iter().rposition(|byte| *byte == b'@');
            return push(text, password, sign.map_or(stop, |sign| password + sign), spans);
        }
    }
}

/// The password of a word with a colon, the last of the line: `config set host user:SECRET`.
fn last(text: &[u8], from: usize, spans: &mut Spans) {
    let end = text.len().min(from + REACH);
    let words = text[from.min(end)..end].trim_ascii_end();
    let start = from
        + words
            .iter()
            .rposition(|byte| *byte == b' ')
            .map_or(0, |space| space + 1);
    let word = &text[start.min(end)..from + words.len()];
    if let Some(colon) = word.iter().position(|byte| *byte == b':')
        && login::is_made_up(&word[colon + 1..])
    {
        push(text, start + colon + 1, from + words.len(), spans);
    }
}

/// `user:SECRET@host`.
fn repository(text: &[u8], from: usize, spans: &mut Spans) {
    let (from, end) = word_at(text, from);
    let word = &text[from..end];
    if let (Some(colon), Some(sign)) = (
        word.iter().position(|byte| *byte == b':'),
        word.iter().rposition(|byte| *byte == b'@'),
    ) && colon < sign
    {
        push(text, from + colon + 1, from + sign, spans);
    }
}

/// The first word that has a colon before an `@`.
fn at_host(text: &[u8], at: usize, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    if let Some(sign) = memchr::memchr(b'@', &text[at..end]) {
        let start = memchr::memrchr(b' ', &text[at..at + sign]).map_or(at, |space| at + space + 1);
        if let Some(colon) = memchr::memchr(b':', &text[start..at + sign])
            && text.get(start + colon + 1) != Some(&b'/')
        {
            push(text, start + colon + 1, at + sign, spans);
        }
    }
}

/// `--value SECRET` beside `--type SecureString`.
fn secure(text: &[u8], at: usize, spans: &mut Spans) {
    let line = &text[at..text.len().min(at + 2 * REACH)];
    if memchr::memmem::find(line, b"SecureString").is_some()
        && let Some(flag) = memchr::memmem::find(line, b"--value")
    {
        report(text, at + flag + "--value".len() + 1, spans);
    }
}

/// A flag with its value in one quoted word of a list.
fn listed(text: &[u8], at: usize, flag: &str, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    let mut from = at;
    while let Some(found) = memchr::memmem::find(&text[from..end], flag.as_bytes()) {
        let value = from + found + flag.len();
        if let quote @ (b'"' | b'\'') = text[from + found - 1] {
            let length = text[value..end].iter().position(|byte| *byte == quote);
            return push(text, value, length.map_or(end, |length| value + length), spans);
        }
        from = value;
    }
}

/// The quoted text behind the next `=`.
fn equated(text: &[u8], at: usize, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    if let Some(sign) = memchr::memmem::find(&text[at..end], b"= ")
        && matches!(text.get(at + sign + 2), Some(b'"' | b'\''))
    {
        report(text, at + sign + 2, spans);
    }
}

/// What a parser of arguments refused, when the flag it names is one of secrets.
fn refused(text: &[u8], from: usize, spans: &mut Spans) {
    let end = text.len().min(from + 2 * REACH);
    let Some(quote) = from.checked_sub(1).and_then(|at| text.get(at)) else {
        return;
    };
    let Some(length) = text[from..end].iter().position(|byte| byte == quote) else {
        return;
    };
    let Some(flag) = text[from + length..end]
        .strip_prefix(b"' for '--")
        .or_else(|| text[from + length..end].strip_prefix(b"\" for \"--"))
    else {
        return;
    };
    let word = flag
        .iter()
        .take(name::LONGEST)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    if name::strength(&flag[..word]).is_some() {
        push(text, from, from + length, spans);
    }
}

/// `"Jwt": { "Key": "SECRET"`.
fn section(text: &[u8], from: usize, spans: &mut Spans) {
    let end = text.len().min(from + REACH);
    let found = text[from.min(end)..end]
        .windows(6)
        .position(|window| window.eq_ignore_ascii_case(b"\"key\":"));
    if let Some(found) = found {
        let mut at = from + found + 6;
        while text.get(at) == Some(&b' ') {
            at += 1;
        }
        if text.get(at) == Some(&b'"') {
            report(text, at, spans);
        }
    }
}

/// A part of a path, when it is drawn by chance.
fn segment(text: &[u8], at: usize, before: &str, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    let Some(found) = memchr::memmem::find(&text[at..end], before.as_bytes()) else {
        return;
    };
    let from = at + found + before.len();
    let length = text[from..]
        .iter()
        .take(REACH)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    if crate::chance::is_token(&text[from..from + length]) {
        push(text, from, from + length, spans);
    }
}

/// What an `echo` wrote through the pipe before the keyword.
fn echoed(text: &[u8], at: usize, spans: &mut Spans) {
    let start = at.saturating_sub(REACH);
    let lead = &text[start..at];
    // The pipe stands close before, and most keywords have none.
    if memchr::memrchr(b'|', &lead[lead.len().saturating_sub(64)..]).is_none() {
        return;
    }
    let Some(echo) = memchr::memmem::rfind(lead, b"echo ") else {
        return printed(text, start, at, spans);
    };
    let (mut from, mut end) = word_at(text, start + echo + 5);
    while matches!(&text[from..end], b"-n" | b"-e" | b"-en" | b"-ne") {
        (from, end) = word_at(text, end + 1);
    }
    let between = text.get(end..at).unwrap_or_default();
    if between.contains(&b'|') && value::is_secret(&text[from..end], Strength::Password, Written::Stated) {
        // `echo user:SECRET | chpasswd`
        let user = text[from..end]
            .iter()
            .position(|byte| *byte == b':')
            .filter(|_| text[at] == b'c');
        push(text, from + user.map_or(0, |colon| colon + 1), end, spans);
    }
}

/// What a `printf` wrote through the pipe: its last word.
fn printed(text: &[u8], start: usize, at: usize, spans: &mut Spans) {
    let lead = &text[start..at];
    let Some(printf) = memchr::memmem::rfind(lead, b"printf ") else {
        return;
    };
    let Some(bar) = lead[printf..].iter().rposition(|byte| *byte == b'|') else {
        return;
    };
    let words = lead[printf..printf + bar].trim_ascii_end();
    let (words, ends): (&[u8], u8) = match words.split_last() {
        Some((quote @ (b'"' | b'\''), words)) => (words, *quote),
        _ => (words, b' '),
    };
    let Some(before) = words.iter().rposition(|byte| *byte == ends) else {
        return;
    };
    // The same once more, as who sets one is asked twice.
    let mut at = printf + 7;
    for word in words[7..].split(|byte| *byte == b' ') {
        if crate::chance::is_drawn(word) {
            push(text, start + at, start + at + word.len(), spans);
        }
        at += word.len() + 1;
    }
    if value::is_secret(&words[before + 1..], Strength::Password, Written::Stated) {
        push(text, start + printf + before + 1, start + printf + words.len(), spans);
    }
}

/// The word that so many words stand before.
fn nth(text: &[u8], from: usize, before: usize, spans: &mut Spans) {
    let mut at = from;
    for _ in 0..before {
        let (_, end) = word_at(text, at);
        let quoted = usize::from(matches!(text.get(end), Some(b'"' | b'\'')));
        at = end + quoted;
        if text.get(at) != Some(&b' ') {
            return;
        }
        at += 1;
    }
    let (from, end) = word_at(text, at);
    // A share of a network stands in its place: `net use Z: \\\\files\\share`.
    let value = &text[from..end];
    if from < end && !matches!(value[0], b'\\' | b'/') && value::is_secret(value, Strength::Password, Written::Stated) {
        push(text, from, end, spans);
    }
}

fn report(text: &[u8], from: usize, spans: &mut Spans) {
    const PROSE: [&[u8]; 10] = [
        b"returned",
        b"was",
        b"not",
        b"set",
        b"for",
        b"and",
        b"has",
        b"failed",
        b"empty",
        b"changed",
    ];
    let (from, end) = word_at(text, from);
    if PROSE.contains(&&text[from..end]) {
        return;
    }
    push(text, from, end, spans);
}

fn push(text: &[u8], from: usize, end: usize, spans: &mut Spans) {
    if from < end && end - from >= 3 && text[from] != b'-' && !is_stand_in(&text[from..end]) {
        spans.push(from..end, rules::COMMAND_LINE);
    }
}

/// A placeholder, the parameter of a statement included: `:password`; or where a secret is kept: `arn:aws:…`.
fn is_stand_in(value: &[u8]) -> bool {
    value::is_placeholder(value)
        || value.starts_with(b"arn:")
        || value[0] == b':'
            && value[1..]
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b';'))
}

/// The word of a command line at `from`, without its quotes.
fn word_at(text: &[u8], from: usize) -> (usize, usize) {
    let from = from.min(text.len());
    let limit = text.len().min(from + 4 * REACH);
    let (from, end) = match text.get(from) {
        Some(quote @ (b'"' | b'\'')) => {
            let from = from + 1;
            (from, text[from..limit].iter().position(|byte| byte == quote))
        }
        _ => (
            from,
            text[from..limit]
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'|' | b';')),
        ),
    };
    (from, end.map_or(limit.max(from), |length| from + length))
}

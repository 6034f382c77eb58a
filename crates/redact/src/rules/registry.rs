//! Package registries.

use super::{Group, Rule};

const fn row(id: &'static str, source: &'static str, patterns: &'static [&'static str]) -> Rule {
    Rule::new(id, Group::Registry, source, patterns)
}

pub(super) const ROWS: &[Rule] = &[
    row(
        "npm-token",
        "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format",
        &[r"(?base62:36)\bnpm_[A-Za-z0-9]{30,}", r"(?mixed)npm_[A-Za-z0-9]{36}\b"],
    )
    .checksum("crc32 in base 62, last 6 characters"),
    row(
        "npm-legacy-token",
        "https://docs.npmjs.com/about-access-tokens",
        &[
            r"(?mixed)_authToken=\K[A-Za-z0-9_=/+.-]{20,}",
            r"NpmToken.\K[a-f0-9-]{36}",
        ],
    ),
    row(
        "pypi-token",
        "https://pypi.org/help/#apitoken",
        &[r"pypi-[A-Za-z0-9_-]{50,}", r"pypi-AgE[A-Za-z0-9_-]{20,}"],
    )
    .checksum("a macaroon: pypi.org or test.pypi.org in base64 at the front"),
    row(
        "pyx-token",
        "https://docs.astral.sh/pyx",
        &[r"\bpyx-[A-Za-z0-9_-]{40,}", r"\bsk-pyx-[A-Za-z0-9_-]{30,}"],
    ),
    row(
        "docker-hub-token",
        "https://docs.docker.com/security/access-tokens",
        &[r"dckr_(pat|oat)_[A-Za-z0-9_-]{20,}"],
    ),
    row(
        "rubygems-key",
        "https://guides.rubygems.org/api-key-scopes",
        &[r"rubygems_[a-f0-9]{40,}"],
    ),
    row(
        "cratesio-token",
        "https://github.com/rust-lang/crates.io/pull/4137",
        &[r"(?mixed)\bcio[A-Za-z0-9]{32}\b"],
    ),
    row(
        "cratesio-trusted-publishing-token",
        "https://crates.io/docs/trusted-publishing",
        &[r"cio_tp_[A-Za-z0-9_-]{30,}"],
    ),
    row(
        "nuget-key",
        "https://learn.microsoft.com/nuget/nuget-org/scoped-api-keys",
        &[r"(?mixed)\boy2[a-z0-9]{43}\b"],
    ),
    row(
        "jfrog-api-key",
        "https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens",
        &[r"AKCp[A-Za-z0-9]{60,}", r"\bcmVmd[A-Za-z0-9]{59,}"],
    ),
    row(
        "clojars-token",
        "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens",
        &[r"CLOJARS_[a-f0-9]{60}"],
    ),
    row(
        "packagist-token",
        "https://packagist.com/docs/composer-authentication",
        &[r"packagist_(out|uut|ort|ack|acs|udt|oot)_[A-Za-z0-9]{20,}"],
    ),
    row(
        "yarn-token",
        "https://yarnpkg.com/configuration/yarnrc",
        &[r#"npmAuthToken: \K[A-Za-z0-9_."-]{20,}"#],
    ),
    row("jsr-token", "https://jsr.io/docs/api", &[r"jsr(d|p)_[A-Za-z0-9]{30,}"]),
    row(
        "terraform-registry-token",
        "https://developer.hashicorp.com/terraform/cli/config/config-file#environment-variable-credentials",
        &[r"TF_TOKEN_[A-Za-z_0-9]{4,60}=\K[A-Za-z0-9_.-]{20,}"],
    ),
    row(
        "buf-token",
        "https://buf.build/docs/bsr/authentication",
        &[r"BUF_TOKEN=\K[a-f0-9]{40,}"],
    ),
    row(
        "chromatic-token",
        "https://www.chromatic.com/docs/setup",
        &[r"\bchpt_[a-f0-9]{12,}"],
    ),
    row(
        "bundler-credentials",
        "https://bundler.io/man/bundle-config.1.html#CREDENTIALS-FOR-GEM-SOURCES",
        &[
            r"BUNDLE_GITHUB__COM=\K[A-Za-z0-9:_.-]{16,}",
            r"BUNDLE_RUBYGEMS__PKG__GITHUB__COM=\K[A-Za-z0-9:_.-]{16,}",
            r"BUNDLE_GEMS__CONTRIBSYS__COM=\K[a-f0-9]{8}:[a-f0-9]{8}",
            r"BUNDLE_ENTERPRISE__CONTRIBSYS__COM=\K[a-f0-9]{8}:[a-f0-9]{8}",
        ],
    ),
    row(
        "poetry-token",
        "https://python-poetry.org/docs/repositories/#configuring-credentials",
        &[r"POETRY_PYPI_TOKEN_[A-Za-z0-9_]{1,40}=\K[A-Za-z0-9_-]{16,}"],
    ),
    row(
        "open-vsx-token",
        "https://github.com/eclipse/openvsx/wiki/Publishing-Extensions",
        &[r"ovsx(p|at)(_|-)[a-f0-9]{8}-[a-f0-9-]{27}"],
    ),
    row(
        "cloudsmith-key",
        "https://docs.cloudsmith.com/accounts-and-teams/api-key",
        &[r"\bcsa_[a-f0-9]{30}[A-Za-z0-9]{6}"],
    ),
    row(
        "wasmer-token",
        "https://docs.wasmer.io/registry",
        &[r"(?mixed)\bwap_[A-Za-z0-9]{40,}"],
    ),
    row(
        "jitpack-token",
        "https://docs.jitpack.io/private",
        &[r"(?mixed)\bjp_[a-z0-9]{26}\b"],
    ),
    row(
        "thunderstore-token",
        "https://github.com/thunderstore-io/Thunderstore",
        &[r"(?mixed,base62:36)\btss_[A-Za-z0-9]{30,}"],
    ),
];

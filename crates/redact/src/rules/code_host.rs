//! Where code is kept.

use super::{Group, Rule};

const fn row(id: &'static str, source: &'static str, patterns: &'static [&'static str]) -> Rule {
    Rule::new(id, Group::CodeHost, source, patterns)
}

const CRC32_BASE62: &str = "crc32 in base 62, last 6 characters";

pub(super) const ROWS: &[Rule] = &[
    row(
        "github-token",
        "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats",
        &[
            // An installation's token may be a JWT behind a number, and is tried first for that reason.
            r"ghs_[0-9]{1,}_[A-Za-z0-9_.-]{30,}",
            r"(?base62:36)gh(p|o|u|s)_[A-Za-z0-9]{30,}",
            r"(?base62:76)ghr_[A-Za-z0-9]{30,}",
        ],
    )
    .checksum(CRC32_BASE62),
    row(
        "github-fine-grained-token",
        "https://docs.github.com/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens",
        &[r"github_pat_[A-Za-z0-9_]{22,}"],
    )
    .checksum("present, its method is not documented"),
    row(
        "gitlab-token",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
        &[
            r"(?routable)gl(pat|dt|rt|rtr|oas|soat|ffct|cbt|ptt|imt|ft|agent|wt|oat)-[A-Za-z0-9_.-]{16,}",
        ],
    )
    .checksum("crc32 in base 36, last 7 characters of a routable token"),
    row(
        "gitlab-runner-registration-token",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
        &[r"GR1348941[A-Za-z0-9_-]{20,}"],
    ),
    row(
        "gitlab-session-cookie",
        "https://docs.gitlab.com/security/tokens",
        &[r"_gitlab_session=\K[a-f0-9]{32,}", r"feed_token=\K[A-Za-z0-9_-]{16,}"],
    ),
    row(
        "bitbucket-token",
        "https://support.atlassian.com/bitbucket-cloud/docs/access-tokens",
        &[r"ATCTT3[A-Za-z0-9+/=_-]{20,}", r"\bATBB[A-Za-z0-9_=.-]{24,}"],
    ),
    row(
        "atlassian-api-token",
        "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account",
        &[r"AT(A|S|O)TT3[A-Za-z0-9+/=_-]{20,}"],
    )
    .checksum("8 hexadecimal digits at the end, whose method is not documented"),
    row(
        "sourcegraph-token",
        "https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token",
        &[
            r"sgp_[A-Fa-f0-9]{40,}",
            r"\bsgp_[A-Za-z0-9]{5,16}_[A-Fa-f0-9]{40,}",
            r"slk_[a-f0-9]{64}",
            r"sgd_[A-Fa-f0-9]{40,}",
        ],
    ),
    row(
        "github-raw-token",
        "https://docs.github.com/repositories/working-with-files/using-files/viewing-and-understanding-files",
        &[r"\bGHSAT0[A-Za-z0-9]{30,}"],
    ),
    row(
        "gitguardian-token",
        "https://docs.gitguardian.com/api-docs/authentication",
        &[r"\bggtt-(v|s)-[A-Za-z0-9]{20,}"],
    ),
    row(
        "bitbucket-data-center-token",
        "https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html",
        &[r"\bBBDC-[A-Za-z0-9+/@_-]{40,}"],
    ),
    row(
        "sourcegraph-amp-token",
        "https://ampcode.com/manual",
        &[r"sgamp_[a-z]{3,12}_[A-Za-z0-9_]{40,}"],
    ),
];

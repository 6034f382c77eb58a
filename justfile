# Thin names for what the README also gives as plain commands.

# Everything that has to be true before a change lands.
check:
    bash .ci/run

# Installs what the tests need and passes them all.
test *what:
    scripts/test {{what}}

# Thousands of random schedules of faults, as in: just soak 5000. One that fails says how to repeat it.
soak schedules="5000":
    TAILWATER_FAULT_SCHEDULES={{schedules}} scripts/test -p tailwater-capture --test faults schedule -- --nocapture

# Every benchmark; or one, as in: just bench redact
bench what="":
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -n "{{what}}" ]; then cargo bench -p tailwater-benches --bench {{what}}; else cargo bench -p tailwater-benches; fi

# Runs one fuzz target for a while (needs cargo-fuzz and a nightly toolchain), as in: just fuzz screen 60
fuzz target seconds="60":
    cd fuzz && cargo +nightly fuzz run --features libfuzzer {{target}} -- -max_total_time={{seconds}}

# A recorded build, played as if it were running now, with the page that follows it.
demo:
    cargo build -q -p testkit --bin replay
    cargo run --release -p tailwater -- run -- target/debug/replay --speed 1 crates/testkit/recordings/vite-build.pipe.rec

doc:
    cargo doc --workspace --no-deps --open

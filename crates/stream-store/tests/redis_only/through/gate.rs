//! Where behaviours wait for the fail-over: each course of a behaviour stops before one of its calls, with no other call
//! of its own under way, so that nothing of what was answered can be missing afterwards.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// What all courses wait at.
#[derive(Debug)]
pub(super) struct Gate {
    arrived: watch::Sender<usize>,
    opened: watch::Sender<bool>,
    settled: watch::Sender<bool>,
}

impl Gate {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            arrived: watch::Sender::new(0),
            opened: watch::Sender::new(false),
            settled: watch::Sender::new(true),
        })
    }

    /// Waits until this many courses stand here or are over.
    pub(super) async fn all_arrived(&self, courses: usize) {
        drop(self.arrived.subscribe().wait_for(|arrived| *arrived == courses).await);
    }

    /// The primary is gone, and everybody may go on.
    pub(super) fn open(&self) {
        self.settled.send_replace(false);
        self.opened.send_replace(true);
    }

    /// The new primary has a replica of its own.
    pub(super) fn settle(&self) {
        self.settled.send_replace(true);
    }

    pub(super) async fn settled(&self) {
        drop(self.settled.subscribe().wait_for(|settled| *settled).await);
    }
}

/// One behaviour's way through the suite, its calls counted.
#[derive(Debug)]
pub(super) struct Course {
    gate: Arc<Gate>,
    /// The call it stops before; none where calls are only counted.
    seam: Option<usize>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    under_way: usize,
    waits: bool,
    arrived: bool,
}

impl Course {
    pub(super) fn new(gate: &Arc<Gate>, seam: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            gate: Arc::clone(gate),
            seam,
            state: Mutex::default(),
        })
    }

    /// A call begins; it ends when what this returns is dropped. At the seam, and while others of this course wait
    /// there, it waits for the gate first.
    pub(super) async fn call(&self) -> UnderWay<'_> {
        let mut opened = self.gate.opened.subscribe();
        {
            let mut state = self.state.lock();
            let at_seam = self.seam.is_some_and(|seam| state.calls >= seam) && !*opened.borrow();
            state.calls += 1;
            if !at_seam {
                state.under_way += 1;
                return UnderWay(self);
            }
            state.waits = true;
        }
        self.look_around();
        drop(opened.wait_for(|opened| *opened).await);
        self.state.lock().under_way += 1;
        UnderWay(self)
    }

    pub(super) async fn settled(&self) {
        self.gate.settled().await;
    }

    /// The behaviour is over. Answers how many calls it made, and whether it stood at the gate.
    pub(super) fn over(&self) -> (usize, bool) {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.arrived, true) {
            self.gate.arrived.send_modify(|arrived| *arrived += 1);
        }
        (state.calls, state.waits)
    }

    fn look_around(&self) {
        let mut state = self.state.lock();
        if state.waits && state.under_way == 0 && !state.arrived {
            state.arrived = true;
            self.gate.arrived.send_modify(|arrived| *arrived += 1);
        }
    }
}

pub(super) struct UnderWay<'a>(&'a Course);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state.lock().under_way -= 1;
        self.0.look_around();
    }
}

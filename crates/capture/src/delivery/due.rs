//! When something is due, and what is done then without anybody asking.

use std::time::Duration;

use stream_store::LEASE_RENEWAL;
use tokio::time::Instant;

use super::{DISK_AGAIN, Delivery, SYNC_EVERY, Standing, TROUBLE};

impl Delivery {
    /// Whether there is nothing left to do.
    pub(super) fn is_settled(&self) -> bool {
        match self.standing {
            Standing::Gone => true,
            Standing::Refused => self.over.is_some(),
            _ => false,
        }
    }

    /// When something is to be done without anybody asking. While a call is under way, the next one has to wait for it.
    pub(super) fn wake_at(&self, under_way: bool) -> Instant {
        let mut at = match self.standing {
            _ if under_way => Instant::now() + LEASE_RENEWAL,
            Standing::Outside => self.pauses.until(),
            Standing::Joined(..) => self.renew_due.min(self.confirm_due).max(self.pauses.until()),
            _ => Instant::now() + LEASE_RENEWAL,
        };
        if let Some(due) = self.disk_due() {
            at = at.min(due);
        }
        at.max(Instant::now() + Duration::from_millis(1))
    }

    /// When something is to be done about the disk.
    pub(super) fn disk_due(&self) -> Option<Instant> {
        let sync = self.out.is_spilling().then(|| self.last_sync + SYNC_EVERY);
        [sync, self.spill_due()].into_iter().flatten().min()
    }

    /// When what waits is to be put on disk, or the disk is to be tried again.
    pub(super) fn spill_due(&self) -> Option<Instant> {
        if self.out.may_resume() {
            return Some(self.disk_again);
        }
        let since = self.trouble_since.filter(|_| !self.out.is_spilling())?;
        Some((since + TROUBLE).max(self.disk_again))
    }

    /// What is due without anybody asking.
    pub(super) async fn housekeeping(&mut self) {
        let now = Instant::now();
        if self.spill_due().is_some_and(|due| now >= due) {
            self.disk_again = now + DISK_AGAIN;
            self.out.spill(self.ahead()).await;
            self.out.resume().await;
        }
        if self.out.is_spilling() && now >= self.last_sync + SYNC_EVERY {
            self.last_sync = now;
            self.out.sync().await;
        }
        self.out.settle(Duration::ZERO).await;
        self.out.write_down_head().await;
    }
}

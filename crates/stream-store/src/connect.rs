//! From a setting to a store.

use std::sync::Arc;

use crate::redis::RedisStore;
use crate::sqlite::SqliteStore;
use crate::store::{LogStore, Result};
use crate::url::{Place, StoreUrl};

/// Opens the store that `url` names: see [`SqliteStore::open`] and [`RedisStore::connect`].
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) when it cannot be used as it was set up.
pub async fn connect(url: &StoreUrl) -> Result<Arc<dyn LogStore>> {
    Ok(match &url.0 {
        Place::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
        Place::Redis(_) => Arc::new(RedisStore::connect(url).await?),
    })
}

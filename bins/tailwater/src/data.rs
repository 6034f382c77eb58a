//! The folder on this machine: a database of recent lines, a folder of old ones, and spools.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use archiver::{Archive, ArchiveUrl, History};
use log_model::{Owner, OwnerId};
use stream_store::{LogStore, SqliteStore};

use crate::Error;

/// Everything `tailwater` keeps on this machine.
#[derive(Debug, Clone)]
pub struct Data {
    folder: PathBuf,
    /// Live and recent lines.
    pub store: Arc<dyn LogStore>,
    /// Old lines.
    pub archive: Arc<Archive>,
}

impl Data {
    /// Opens the folder, making it when it is not there: readable by this user alone.
    ///
    /// # Errors
    /// [`Error::Folder`] when it cannot be made, [`Error::Store`] and [`Error::Archive`] when what is in it cannot be
    /// opened.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let in_folder = |source| Error::Folder {
            folder: folder.to_owned(),
            source,
        };
        make_private(folder).map_err(in_folder)?;
        let folder = folder.canonicalize().map_err(in_folder)?;
        let store = SqliteStore::open(&folder.join("log.db"))?;
        let old = folder.join("archive");
        make_private(&old).map_err(in_folder)?;
        let archive = Archive::open(&ArchiveUrl::folder(&old)?)?;
        Ok(Self {
            folder,
            store: Arc::new(store),
            archive: Arc::new(archive),
        })
    }

    /// Opens a folder that is there already, for verbs that only read.
    ///
    /// # Errors
    /// [`Error::NothingHere`] when it is not there.
    pub fn existing(folder: &Path) -> Result<Self, Error> {
        if folder.join("log.db").exists() {
            Self::open(folder)
        } else {
            Err(Error::NothingHere {
                folder: folder.to_owned(),
            })
        }
    }

    /// Where captures keep what they could not deliver.
    pub fn spools(&self) -> PathBuf {
        self.folder.join("spool")
    }

    /// Both sides of a log as one.
    pub fn history(&self) -> History {
        History::new(Arc::clone(&self.store), Some(Arc::clone(&self.archive)))
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Who owns every job on this machine.
///
/// # Panics
/// Never: the name has the form of an owner.
pub fn local_owner() -> Owner {
    Owner::user(OwnerId::new("user_local").expect("letters and an underscore"))
}

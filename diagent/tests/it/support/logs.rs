//! Everything that the roles log in this process, kept for the test that looks for what must not be there.

use std::{
    io,
    sync::{Arc, Mutex, Once, OnceLock, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Enough for a whole run of the suite.
const BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(Kept::default)
}

/// Begins to keep what is logged.
pub(crate) fn keep() {
    static START: Once = Once::new();
    START.call_once(|| {
        let filter = EnvFilter::new(
            "off,command_api=debug,responder=debug,projector=debug,read_api=debug,events=debug,edge=debug,diagent=debug",
        );
        let kept = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(kept().clone());
        kept.init();
    });
}

/// All that was logged so far.
pub(crate) fn all() -> String {
    let kept = kept().0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&kept).into_owned()
}

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + bytes.len() <= BYTES_MAX {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

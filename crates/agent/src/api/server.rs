//! A path in; a socket that answers, until the process ends, out.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::message::{Received, Reply, write_reply};
use crate::error::Named;
use crate::operation::Failure;

/// Connections that are answered at the same time.
const MOST: usize = 16;
/// For a request to come, and a reply to go.
const LIMIT: Duration = Duration::from_secs(10);

/// A socket that answers.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {}", path.display())]
pub struct ServerError {
    /// The socket.
    pub path: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

impl Named for ServerError {
    fn name(&self) -> &'static str {
        "api.listen"
    }
}

impl Server {
    /// Makes the socket, in place of what an earlier service left; only root may open it.
    pub fn bind(path: &Path) -> Result<Server, ServerError> {
        let failed = |source| ServerError { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // The folder is root's, and nobody was told of the socket yet.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Server { listener })
    }

    /// Answers in threads of its own, which end with the process.
    pub fn start(self, answer: Arc<dyn Fn(&Received) -> Reply + Send + Sync>) -> io::Result<()> {
        let open = Arc::new(AtomicUsize::new(0));
        std::thread::Builder::new().name("api".to_owned()).spawn(move || {
            for stream in self.listener.incoming() {
                let Ok(stream) = stream else {
                    // Out of descriptors, for example: others may be given back soon.
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                };
                accept(stream, &open, &answer);
            }
        })?;
        Ok(())
    }
}

fn accept(
    mut stream: UnixStream,
    open: &Arc<AtomicUsize>,
    answer: &Arc<dyn Fn(&Received) -> Reply + Send + Sync>,
) {
    if open.fetch_add(1, Ordering::SeqCst) >= MOST {
        open.fetch_sub(1, Ordering::SeqCst);
        let failure = Failure::new("api.busy", format!("{MOST} requests are being answered; ask again"));
        // The client may be gone.
        let _unheard = write_reply(&mut stream, &Reply::json(503, &failure));
        return;
    }
    let (counted, answer) = (Arc::clone(open), Arc::clone(answer));
    let thread = std::thread::Builder::new().name("api-request".to_owned()).stack_size(256 << 10);
    let spawned = thread.spawn(move || {
        // A client that goes away ends its own connection only.
        let _gone = serve(stream, &*answer);
        counted.fetch_sub(1, Ordering::SeqCst);
    });
    if spawned.is_err() {
        open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve(mut stream: UnixStream, answer: &(dyn Fn(&Received) -> Reply + Send + Sync)) -> io::Result<()> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let reply = match Received::read(&mut stream) {
        Ok(request) => answer(&request),
        Err(problem) => {
            Reply::json(400, &Failure::new("api.request", format!("the request cannot be read: {problem}")))
        }
    };
    write_reply(&mut stream, &reply)
}

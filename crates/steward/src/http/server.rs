//! Accepts connections on the local socket.

use super::guard::Patient;
use super::reply::Refused;
use crate::log::say;
use api::Problem;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use sys::peer::{Peer, credentials};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tower_service::Service;

/// Connections at once; further ones wait.
const CONNECTIONS: usize = 128;
/// A request must have said its head within this.
const HEAD: Duration = Duration::from_secs(10);
/// A head has at most so many bytes.
const HEAD_BYTES: usize = 16 << 10;
/// After an accept that failed (no descriptor is left, say).
const PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client(pub(super) Peer);

/// Serves for ever.
pub(crate) async fn serve(listener: UnixListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let me = rustix::process::geteuid().as_raw();
    let mut failing = false;
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    say!("failed to accept a connection: {error}");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        failing = false;
        let router = router.clone();
        tokio::spawn(async move {
            match credentials(&stream) {
                Ok(peer) if peer.uid == me || peer.uid == 0 => talk(stream, Some(Client(peer)), router).await,
                Ok(peer) => {
                    say!("uid {} (pid {}) was refused", peer.uid, peer.pid);
                    talk(stream, None, router).await;
                }
                Err(_) => {}
            }
            drop(place);
        });
    }
}

/// Speaks HTTP with one client; one that is not allowed in hears only that.
async fn talk(stream: UnixStream, client: Option<Client>, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let Some(client) = client else {
                let problem = Problem::new(403, "forbidden", "only the owner of this home and root may ask");
                return Ok::<_, Infallible>(Refused(problem).into_response());
            };
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(client);
            router.call(request).await
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).half_close(false);
    // A client that broke off has nobody to be told.
    let _ = builder.serve_connection(TokioIo::new(Patient::new(stream)), service).await;
}

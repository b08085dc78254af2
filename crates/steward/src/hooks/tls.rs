//! TLS to a webhook: rustls with ring, and the certificates that this machine trusts.

use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The certificates of the machine (`SSL_CERT_FILE` and `SSL_CERT_DIR` included). Read for each delivery, so that nobody has to restart us
/// when they change, and nothing of them is kept. Blocking.
///
/// # Errors
/// No certificate is trusted.
pub(crate) fn roots() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        return Err("this machine trusts no certificates (install ca-certificates, or set SSL_CERT_FILE for abide)".to_owned());
    }
    Ok(store)
}

/// Speaks TLS on a connection.
///
/// # Errors
/// The name is none, or the other side is not who it should be.
pub(crate) async fn wrap(roots: RootCertStore, host: &str, socket: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("TLS: {host} is no name of a host"))?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, socket).await.map_err(|error| format!("TLS: {error}"))
}

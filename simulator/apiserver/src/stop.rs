//! The signal to stop, for which watches and connections wait.

use tokio::sync::watch;

/// Waits until the server is to stop; forever if nobody is left to stop it.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

//! The messages of Go's network library for failed connections. All runtimes share them; only the release of Go differs.

use std::net::IpAddr;

use pullstop_core::hash::Fnv1a;

use super::image::Image;

/// Not issued by anybody the node knows; since Go 1.20.
pub(super) const UNKNOWN_AUTHORITY: &str =
    "tls: failed to verify certificate: x509: certificate signed by unknown authority";
/// The same before Go 1.20.
pub(super) const UNKNOWN_AUTHORITY_GO_1_19: &str = "x509: certificate signed by unknown authority";
/// The answer began with `HTTP/`.
pub(super) const HTTP_RESPONSE: &str = "http: server gave HTTP response to HTTPS client";
/// The answer was no TLS record.
pub(super) const NO_TLS_RECORD: &str = "tls: first record does not look like a TLS handshake";
/// Connected, and then nothing for ten seconds.
pub(super) const TLS_HANDSHAKE_TIMEOUT: &str = "net/http: TLS handshake timeout";
/// A proxy refused the CONNECT: `net/http` gives the words of its status without the number.
pub(super) const PROXY_FORBIDDEN: &str = "Forbidden";
/// The caller gave up.
pub(super) const CANCELED: &str = "context canceled";

/// One attempt to reach a registry.
pub(super) struct Connection {
    /// The registry's name, without a port.
    name: String,
    /// Where it is: address and port.
    peer: String,
    /// The port on the node's side.
    port: u64,
}

impl Connection {
    /// An attempt to reach `image`'s registry, by default on `default_port`. Which of its addresses is taken and from
    /// which port, `noise` decides.
    pub(super) fn new(image: &Image, default_port: u16, noise: u64) -> Self {
        let (name, port) = split_port(&image.host);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let port = port.map_or_else(|| default_port.to_string(), str::to_owned);
        let peer = match name.parse() {
            Ok(IpAddr::V6(_)) => format!("[{name}]:{port}"),
            Ok(IpAddr::V4(_)) => format!("{name}:{port}"),
            Err(_) => format!("{}:{port}", address(name, noise)),
        };
        Self {
            name: name.to_owned(),
            peer,
            port: PORT_MIN + (noise / ADDRESSES) % PORTS,
        }
    }

    /// Nobody listens.
    pub(super) fn refused(&self) -> String {
        format!("dial tcp {}: connect: connection refused", self.peer)
    }

    /// No connection in time.
    pub(super) fn timeout(&self) -> String {
        format!("dial tcp {}: i/o timeout", self.peer)
    }

    /// The connection was cut.
    pub(super) fn reset(&self) -> String {
        let Self { peer, port, .. } = self;
        format!("read tcp {NODE}:{port}->{peer}: read: connection reset by peer")
    }

    /// The name server knows no such name.
    pub(super) fn no_such_host(&self) -> String {
        format!(
            "dial tcp: lookup {} on {NAME_SERVER}: no such host",
            self.name
        )
    }

    /// The name server does not answer.
    pub(super) fn name_server_timeout(&self) -> String {
        let Self { name, port, .. } = self;
        format!(
            "dial tcp: lookup {name} on {NAME_SERVER}: read udp {NODE}:{port}->{NAME_SERVER}: i/o timeout"
        )
    }
}

/// The node's own address; a pod stays on its node, so it does not change from one attempt to the next.
const NODE: &str = "10.0.3.7";
/// The name server that the recordings show.
const NAME_SERVER: &str = "10.0.0.53:53";
/// A registry with a name has a few addresses.
const ADDRESSES: u64 = 4;
/// Linux takes ports for clients from 32768 to 60999 (`net.ipv4.ip_local_port_range`).
const PORT_MIN: u64 = 32_768;
const PORTS: u64 = 28_232;

/// One of the registry's addresses; which they are depends on its name.
fn address(name: &str, noise: u64) -> String {
    let [third, fourth, ..] = Fnv1a::of(name.bytes()).value().to_le_bytes();
    let fourth = u64::from(fourth) % (250 - ADDRESSES) + 1 + noise % ADDRESSES;
    format!("10.20.{third}.{fourth}")
}

/// A host and its port; the colons inside the brackets of an IPv6 address are not a port's.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(image: &str, noise: u64) -> Connection {
        Connection::new(&Image::new(image), 443, noise)
    }

    #[test]
    fn addresses_stay_and_names_have_several() {
        for (image, peer) in [
            ("127.0.0.1:5005/a:b", "127.0.0.1:5005"),
            ("10.1.2.3/a:b", "10.1.2.3:443"),
            ("[::1]:5000/a:b", "[::1]:5000"),
            ("[::1]/a:b", "[::1]:443"),
        ] {
            for noise in [0, 1, u64::MAX] {
                assert_eq!(connection(image, noise).peer, peer, "{image}");
            }
        }
        let mut peers: Vec<String> = (0..100).map(|noise| connection("a", noise).peer).collect();
        peers.sort_unstable();
        peers.dedup();
        assert_eq!(peers.len(), 4);
    }

    #[test]
    fn ports_are_those_of_clients() {
        for noise in [0, 7, 112_931, u64::MAX] {
            let port = connection("a", noise).port;
            assert!((32_768..=60_999).contains(&port), "{port}");
        }
    }
}

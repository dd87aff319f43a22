//! Listen addresses such as `:8080` and `localhost:8080`.

use std::fmt;
use std::str::FromStr;

use tokio::net::{TcpListener, lookup_host};

/// A host and a port: `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`, or `:8080` for all addresses of the machine. Port 0
/// is any free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// Empty for all.
    host: String,
    port: u16,
}

impl ListenAddress {
    /// The same host with the port behind this one; any free one behind any free one.
    #[must_use]
    pub fn next_port(&self) -> Self {
        let port = match self.port {
            0 => 0,
            port => port.checked_add(1).unwrap_or(port - 1),
        };
        Self {
            port,
            ..self.clone()
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub async fn listen(&self) -> Result<TcpListener, String> {
        let told = |error: std::io::Error| format!("cannot listen on {self}: {error}");
        if self.host.is_empty() {
            // The first stands for IPv4 too, where there is IPv6.
            return match TcpListener::bind(("::", self.port)).await {
                Ok(listener) => Ok(listener),
                Err(_) => TcpListener::bind(("0.0.0.0", self.port))
                    .await
                    .map_err(told),
            };
        }
        let found = lookup_host((self.host.as_str(), self.port)).await;
        let mut addresses: Vec<_> = found.map_err(told)?.collect();
        // `localhost` is both; people mean what they can type.
        addresses.sort_by_key(std::net::SocketAddr::is_ipv6);
        TcpListener::bind(addresses.as_slice()).await.map_err(told)
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':');
        let host = parts.and_then(|(host, _)| host_of(host));
        let port = parts.and_then(|(_, port)| port.parse().ok());
        match (host, port) {
            (Some(host), Some(port)) => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(
                "write a host and a port, such as `127.0.0.1:8080` or `localhost:8080`, or `:8080` for all addresses of \
                 the machine"
                    .to_owned(),
            ),
        }
    }
}

/// The host without the brackets that IPv6 addresses need in front of a port.
fn host_of(text: &str) -> Option<&str> {
    match text.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .filter(|host| host.parse::<std::net::Ipv6Addr>().is_ok()),
        None => (!text.contains([':', '[', ']', '/', ' '])).then_some(text),
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for text in [
            "127.0.0.1:8080",
            "localhost:8080",
            ":8080",
            ":0",
            "[::1]:8080",
            "[::]:0",
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        for text in [
            "",
            "8080",
            "localhost",
            "localhost:",
            ":http",
            ":65536",
            "::1:80",
            "[x]:1",
            "http://a:80",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_port_behind() {
        let behind = |text: &str| {
            text.parse::<ListenAddress>()
                .unwrap()
                .next_port()
                .to_string()
        };
        assert_eq!(behind(":8080"), ":8081");
        assert_eq!(behind("localhost:0"), "localhost:0");
        assert_eq!(behind(":65535"), ":65534");
    }

    #[tokio::test]
    async fn all_of_them_can_be_listened_on() {
        for text in [":0", "localhost:0", "127.0.0.1:0"] {
            let address: ListenAddress = text.parse().unwrap();
            let bound = address.listen().await.unwrap().local_addr().unwrap();
            assert_ne!(bound.port(), 0, "{text}");
        }
    }
}

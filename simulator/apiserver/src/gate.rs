//! Refuses requests that no Kubernetes client sends. A browser sends requests of any web page to this machine's own addresses; none of them is
//! a client of a simulated cluster.

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

use super::status::Failure;

/// By what name clients may call a server that only this machine reaches. A web page whose own name was made to
/// point here (DNS rebinding) still sends that name.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What browsers say about where a request comes from; nobody else sends it.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a web page has sent. `is_local` is whether only this machine reaches the server.
pub(super) fn check(headers: &HeaderMap, is_local: bool) -> Result<(), Failure> {
    let said = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(host) = said(HOST).filter(|_| is_local)
        && !LOCAL_NAMES.contains(&without_port(host))
    {
        return Err(refused(&format!(
            "this server is for clients on its own machine, not for the host \"{host}\": use http://127.0.0.1"
        )));
    }
    let site = said(FETCH_SITE);
    if said(ORIGIN).is_some() || site.is_some_and(|site| site != "none" && site != "same-origin") {
        return Err(refused(
            "this server answers no web pages: use kubectl, curl or a program",
        ));
    }
    Ok(())
}

/// What changes the simulator itself must be sent as JSON: browsers let no page of another origin do that unasked,
/// even where they do not say from where a request comes.
pub(super) fn check_admin(verb: &str, content_type: &str) -> Result<(), Failure> {
    // A page that sends anything but GET, HEAD and POST has to ask first, and is not allowed to.
    if verb != "create" || content_type == "application/json" {
        return Ok(());
    }
    let message = "the paths below /simulator/ take JSON only: send the header `content-type: application/json`, \
                   also with an empty body";
    Err(Failure::new(415, "UnsupportedMediaType", message))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(403, "Forbidden", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(headers: &[(HeaderName, &str)], is_local: bool) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        check(&headers.collect(), is_local).is_ok()
    }

    #[test]
    fn only_local_names_lead_to_a_local_server() {
        for host in [
            "127.0.0.1:8001",
            "localhost",
            "localhost:1",
            "[::1]:8001",
            "[::1]",
        ] {
            assert!(checked(&[(HOST, host)], true), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8001",
            "127.0.0.1.evil.example",
            "",
        ] {
            assert!(!checked(&[(HOST, host)], true), "{host}");
            assert!(checked(&[(HOST, host)], false), "{host}");
        }
        assert!(checked(&[], true));
    }

    #[test]
    fn web_pages_are_refused() {
        for origin in ["https://evil.example", "null", "http://127.0.0.1:8001"] {
            assert!(!checked(&[(ORIGIN, origin)], false), "{origin}");
        }
        assert!(!checked(&[(FETCH_SITE, "cross-site")], true));
        assert!(checked(&[(FETCH_SITE, "none")], true));
    }

    #[test]
    fn what_changes_the_simulator_is_json() {
        assert!(check_admin("list", "").is_ok());
        assert!(check_admin("create", "application/json").is_ok());
        for simple in ["", "text/plain", "application/x-www-form-urlencoded"] {
            assert!(check_admin("create", simple).is_err(), "{simple}");
        }
    }
}

//! How clients find the server.

/// A kubeconfig for a server at `url`; with a token for a server that asks for one.
///
/// kubectl sends tokens to HTTPS servers only: this server should be open to it ([`super::Auth::open`]). Other
/// clients send it.
pub fn kubeconfig(url: &str, token: Option<&str>) -> String {
    let user = token.map_or_else(
        || "{}".to_owned(),
        |token| format!("{{token: \"{token}\"}}"),
    );
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: simulated\n  cluster: {{server: \"{url}\"}}\n\
         users:\n\
         - name: simulated\n  user: {user}\n\
         contexts:\n\
         - name: simulated\n  context: {{cluster: simulated, user: simulated}}\n\
         current-context: simulated\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_yaml() {
        let text = kubeconfig("http://127.0.0.1:1", Some("t"));
        let config: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(
            config["clusters"][0]["cluster"]["server"],
            "http://127.0.0.1:1"
        );
        assert_eq!(config["users"][0]["user"]["token"], "t");
    }
}

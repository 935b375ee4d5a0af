//! Who may ask. While no account exists, the visitor of this machine is the owner; so the door must be shut to everyone who is not
//! this machine's own page or a program on it.
//!
//! Two attacks reach a server on loopback from a web page in the user's browser:
//! - DNS rebinding: a stranger's name is made to resolve to 127.0.0.1. The `Host` header then carries that name: only names of this
//!   machine are accepted.
//! - Cross-site requests: another site posts a form here. Browsers say so in `Origin` and `Sec-Fetch-Site`: both must agree with us for
//!   any request that changes something. Programs (curl, scripts) send neither and pass.

use super::{ApiError, AppState};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use weft_domain::{Problem, ProblemKind};

/// Lets a request in and marks it with the role of the visitor, or explains why not.
pub async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    if let Err(problem) = check(request.method(), request.headers(), request.uri().authority().map(|a| a.as_str())) {
        tracing::warn!(uri = %request.uri(), reason = %problem.title, "request refused");
        return ApiError(problem).into_response();
    }
    request.extensions_mut().insert(state.services.access.owner());
    next.run(request).await
}

/// The rules, apart from HTTP plumbing. `authority` is HTTP/2's form of `Host`.
fn check(method: &Method, headers: &HeaderMap, authority: Option<&str>) -> Result<(), Problem> {
    let host = match headers.get(header::HOST) {
        Some(value) => value.to_str().ok(),
        None => authority,
    };
    let host = host.ok_or_else(|| forbidden("The request names no host."))?;
    if !is_this_machine(host) {
        return Err(forbidden(format!("Weft does not answer to the name {host:?}."))
            .hint("Open it as http://127.0.0.1 or http://localhost with its port."));
    }
    if !changes_something(method) {
        return Ok(());
    }
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(forbidden("Another web site may not change this library."));
    }
    match headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("")) {
        None => Ok(()),
        Some(origin) if same_origin(origin, host) => Ok(()),
        Some(origin) => Err(forbidden(format!("The web site {origin:?} may not change this library."))),
    }
}

fn forbidden(title: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Forbidden, title)
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Name part of `host:port`, brackets of IPv6 kept.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => &host[..end + 2],
        None => host.split(':').next().unwrap_or(host),
    }
}

fn is_this_machine(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost") || name == "[::1]" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

fn same_origin(origin: &str, host: &str) -> bool {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(|rest| rest.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, pairs: &[(&'static str, &'static str)]) -> Result<(), Problem> {
        let headers =
            pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))).collect();
        check(&method, &headers, None)
    }

    #[test]
    fn names_of_this_machine_pass() {
        for host in ["127.0.0.1:3210", "localhost:3210", "LOCALHOST", "[::1]:3210", "127.0.0.5"] {
            assert!(is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn dns_rebinding_is_refused() {
        for host in ["evil.example:3210", "127.0.0.1.evil.example", "localhost.evil.example:3210", "[::1", "", "10.0.0.7:3210"] {
            assert!(!is_this_machine(host), "{host}");
        }
        assert!(ask(Method::GET, &[("host", "evil.example")]).is_err());
        assert!(ask(Method::GET, &[]).is_err());
    }

    #[test]
    fn cross_site_requests_are_refused() {
        assert!(ask(Method::POST, &[("host", "localhost:1"), ("origin", "https://evil.example")]).is_err());
        assert!(ask(Method::POST, &[("host", "localhost:1"), ("origin", "null")]).is_err());
        assert!(ask(Method::POST, &[("host", "localhost:1"), ("origin", "http://localhost:2")]).is_err());
        assert!(ask(Method::DELETE, &[("host", "localhost:1"), ("sec-fetch-site", "cross-site")]).is_err());
        assert!(ask(Method::PATCH, &[("host", "localhost:1"), ("sec-fetch-site", "same-site")]).is_err());
    }

    #[test]
    fn the_own_page_and_programs_pass() {
        assert!(ask(Method::POST, &[("host", "localhost:1"), ("origin", "http://localhost:1"), ("sec-fetch-site", "same-origin")]).is_ok());
        assert!(ask(Method::POST, &[("host", "127.0.0.1:3210")]).is_ok());
        assert!(ask(Method::GET, &[("host", "127.0.0.1:3210"), ("sec-fetch-site", "cross-site")]).is_ok());
    }
}

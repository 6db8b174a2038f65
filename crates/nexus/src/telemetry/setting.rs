//! Where traces are sent, and which: `[telemetry]`, and the variables that all of OpenTelemetry has.
//!
//! The environment comes before the file, so that whoever runs a server can point it elsewhere without changing a project.

pub(super) mod sampler;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::config::telemetry::TelemetryConfig;
use sampler::Sampler;

/// Where traces go under the address of a collector.
const TRACES: &str = "v1/traces";

/// What is known of the collector.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) endpoint: Url,
    pub(super) headers: HeaderMap,
    /// What every span is of.
    pub(super) resource: Vec<(String, String)>,
    pub(super) sampler: Sampler,
}

/// A variable of the environment.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Setting {
    /// What is set; nothing when no collector is named, or traces are switched off.
    pub(super) fn of(
        config: &TelemetryConfig,
        project: &str,
        variable: Variable<'_>,
    ) -> Result<Option<Setting>, Error> {
        let is_off = |name, word: &str| variable(name).is_some_and(|it| it.eq_ignore_ascii_case(word));
        if is_off("OTEL_SDK_DISABLED", "true") || is_off("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let Some(endpoint) = endpoint(config, variable)? else { return Ok(None) };
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            if is_off(name, "grpc") {
                return Err(wrong(format!("{name}: traces are sent over HTTP only"))
                    .help("name the collector's HTTP port, usually 4318, and say http/json"));
            }
        }
        let headers = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
        let headers = headers.into_iter().find_map(|name| Some((name, variable(name)?)));
        let headers = headers.map(|(name, text)| read_headers(name, &text)).transpose()?.unwrap_or_default();
        let sampler = Sampler::of(config, variable)?;
        Ok(Some(Setting { endpoint, headers, resource: resource(config, project, variable), sampler }))
    }
}

fn endpoint(config: &TelemetryConfig, variable: Variable<'_>) -> Result<Option<Url>, Error> {
    const WHOLE: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    if let Some(whole) = variable(WHOLE) {
        return url(WHOLE, &whole).map(Some);
    }
    let base = variable(BASE).map(|base| (BASE, base));
    let base = base
        .or_else(|| Some(("[telemetry] otlp_endpoint", config.otlp_endpoint.as_ref()?.reveal().to_owned())));
    let Some((name, base)) = base else { return Ok(None) };
    url(name, &format!("{}/{TRACES}", base.trim_end_matches('/'))).map(Some)
}

/// An address, without telling it: it may hold a key.
pub(super) fn url(name: &str, text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        wrong(format!("{name}: this is not the URL of a collector"))
            .help("write it like \"http://127.0.0.1:4318\"")
    })
}

/// `name=value,name=value`, the values escaped as in URLs.
fn read_headers(name: &str, text: &str) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (header, value) in pairs(text) {
        let read = (HeaderName::try_from(&header), HeaderValue::try_from(&value));
        let (Ok(header), Ok(mut value)) = read else {
            return Err(wrong(format!("{name}: {header:?} is no header that can be sent"))
                .help("write it like \"api-key=...,x-team=...\""));
        };
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let pair = |part: &str| {
        part.split_once('=').map(|(name, value)| (name.trim().to_owned(), unescaped(value.trim())))
    };
    text.split(',').filter_map(pair)
}

/// A text with `%20` and its like as what they stand for; what is none stays as it is.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn resource(config: &TelemetryConfig, project: &str, variable: Variable<'_>) -> Vec<(String, String)> {
    let given = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let mut all: Vec<(String, String)> = pairs(&given).collect();
    let named = variable("OTEL_SERVICE_NAME").or_else(|| config.service_name.clone());
    let is_named = all.iter().any(|(name, _)| name == "service.name");
    if named.is_some() || !is_named {
        all.retain(|(name, _)| name != "service.name");
        all.push(("service.name".to_owned(), named.unwrap_or_else(|| project.to_owned())));
    }
    all.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    all
}

pub(super) fn wrong(message: String) -> Error {
    Error::new(&code::TELEMETRY_INVALID, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<Setting>, Error> {
        let config = TelemetryConfig { otlp_endpoint: file.map(Into::into), ..TelemetryConfig::default() };
        let find = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Setting::of(&config, "shop", &find)
    }

    fn endpoint(file: Option<&str>, variables: &[(&str, &str)]) -> String {
        setting(file, variables).unwrap().map(|it| it.endpoint.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_environment_comes_before_the_file() {
        let (base, whole) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let file = Some("http://file:4318/");
        assert_eq!(endpoint(None, &[]), "");
        assert_eq!(endpoint(file, &[]), "http://file:4318/v1/traces");
        assert_eq!(endpoint(file, &[(base, "http://env:1/otlp")]), "http://env:1/otlp/v1/traces");
        assert_eq!(endpoint(file, &[(base, "http://env:1"), (whole, "http://all:2/x")]), "http://all:2/x");
        assert_eq!(endpoint(file, &[("OTEL_SDK_DISABLED", "true")]), "");
        assert_eq!(endpoint(file, &[("OTEL_TRACES_EXPORTER", "none")]), "");
    }

    #[test]
    fn what_cannot_be_is_refused_without_telling_it() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "canary:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a b=canary"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=canary%0a"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", "often"),
        ] {
            let error = setting(Some("http://file:1"), &[(name, value)]).unwrap_err();
            assert_eq!(error.code().id, "NX-1205");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_service_has_a_name_and_headers_are_unescaped() {
        let variables = [
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=a%20b"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=x%3Dy, x-team = z"),
        ];
        let read = setting(Some("http://file:1"), &variables).unwrap().unwrap();
        let value = |name: &str| read.resource.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
        assert_eq!((value("service.name"), value("team")), (Some("other"), Some("a b")));
        assert_eq!((&read.headers["api-key"] == "x=y", &read.headers["x-team"] == "z"), (true, true));
        let read = setting(Some("http://file:1"), &[]).unwrap().unwrap();
        assert_eq!(read.resource[0].1, "shop");
    }
}

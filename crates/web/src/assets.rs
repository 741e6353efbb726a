//! Style sheets and scripts, inside the program, under names that change with their content.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use testudo_crypto::digest::sha256;

/// A file under the name of its content.
struct Asset {
    path: String,
    media: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(text: &'static str, ending: &str, media: &'static str) -> Asset {
        let mut path = "/assets/".to_owned();
        for byte in sha256(text.as_bytes()).iter().take(8) {
            let _ = write!(path, "{byte:02x}");
        }
        path.push_str(ending);
        Asset { path, media, text }
    }
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

static STYLE: LazyLock<Asset> = LazyLock::new(|| Asset::new(include_str!("../assets/style.css"), ".css", CSS));
static CONSOLE_STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_str!("../assets/console.css"), ".css", CSS));
static CONSOLE_SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::new(include_str!("../assets/console.js"), ".js", JS));

static PASSKEY_SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::new(include_str!("../assets/passkey.js"), ".js", JS));

/// Where the script for passkeys is.
pub(crate) fn passkey_script_path() -> &'static str {
    &PASSKEY_SCRIPT.path
}

static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_str!("../assets/icon.svg"), ".svg", "image/svg+xml"));

/// Where the icon is.
pub(crate) fn icon_path() -> &'static str {
    &ICON.path
}

/// Where the style sheet is.
pub(crate) fn stylesheet_path() -> &'static str {
    &STYLE.path
}

/// Where the style sheet of the console is.
pub(crate) fn console_style_path() -> &'static str {
    &CONSOLE_STYLE.path
}

/// Where the script of the console is.
pub(crate) fn console_script_path() -> &'static str {
    &CONSOLE_SCRIPT.path
}

pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let all = [&*STYLE, &*CONSOLE_STYLE, &*CONSOLE_SCRIPT, &*PASSKEY_SCRIPT, &*ICON];
    let Some(asset) = all.into_iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(name.as_str())) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, asset.text).into_response()
}

//! Uploads: a presigned PUT, so that files go to the store and not through the API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use landing::contract::DatasetName;
use landing::sources::{MAX_KEY_BYTES, STAGED_PREFIX};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::extract::Body;
use crate::view::in_seconds;
use crate::{App, Problem, URL_SECONDS};

/// Most bytes that one PUT takes (S3's limit): 5 GiB.
const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    dataset: DatasetName,
    name: String,
    /// Bytes, when the caller knows.
    size: Option<u64>,
    #[serde(default)]
    land: Land,
}

/// What makes an upload land.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Land {
    /// Its arrival in the inbox.
    #[default]
    Event,
    /// A `POST /jobs` that names it.
    Submit,
}

/// Where to send the file.
#[derive(Serialize)]
pub(crate) struct Upload {
    bucket: String,
    key: String,
    method: &'static str,
    url: String,
    expires: String,
}

/// `POST /uploads`: where to PUT a file so that it lands, by itself or once it is submitted.
pub(crate) async fn create(State(app): State<Arc<App>>, Body(wanted): Body<Wanted>) -> Result<(StatusCode, Json<Upload>), Problem> {
    if wanted.size.is_some_and(|size| size > MAX_PUT_BYTES) {
        return Err(Problem::invalid(format!("`size`: one PUT takes at most {MAX_PUT_BYTES} bytes: upload larger files with the AWS CLI")));
    }
    if app.registry.contract(&wanted.dataset, None).await?.is_none() {
        return Err(crate::datasets::no_dataset(&wanted.dataset));
    }
    let key = wanted.key(&app.config.inbox_prefix, Uuid::new_v4())?;
    let url = app.inbox().presign_put(&key, URL_SECONDS).await?;
    let upload = Upload { bucket: app.config.inbox_bucket.clone(), key, method: "PUT", url, expires: in_seconds(URL_SECONDS) };
    Ok((StatusCode::CREATED, Json(upload)))
}

impl Wanted {
    fn key(&self, inbox_prefix: &str, id: Uuid) -> Result<String, Problem> {
        let name = &self.name;
        let odd_part = name.split('/').any(|part| matches!(part, "" | "." | ".."));
        if odd_part || name.chars().any(char::is_control) {
            return Err(Problem::invalid(
                "`name` is a file name, or folders and a file name: no empty part, no `.` or `..`, no control character",
            ));
        }
        let key = match self.land {
            Land::Event => format!("{inbox_prefix}{}/{name}", self.dataset),
            Land::Submit => format!("{STAGED_PREFIX}{}/{id}/{name}", self.dataset),
        };
        match key.len() <= MAX_KEY_BYTES {
            true => Ok(key),
            false => Err(Problem::invalid(format!("`name` is too long: the key has {} bytes, {MAX_KEY_BYTES} are allowed", key.len()))),
        }
    }
}

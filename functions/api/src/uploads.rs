//! Uploads: a presigned PUT, so that files go to the store and not through the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use job::DatasetName;
use job::sources::{MAX_KEY_BYTES, STAGED_PREFIX};
use objects::{PresignedPut, PutChecksum, PutTerms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::caller::Caller;
use crate::extract::Body;
use crate::problem::{Kind, Problem};
use crate::view::in_seconds;
use crate::{App, URL_SECONDS};

/// Most bytes that one PUT takes (S3's limit): 5 GiB.
const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The file to be uploaded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Announce, example = json!({"dataset": "flights", "name": "june.csv", "size": 1048576}))]
pub(crate) struct Wanted {
    /// The dataset to land in.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]{0,62}$")]
    dataset: DatasetName,
    /// A file name, or folders and a file name.
    #[schema(min_length = 1)]
    name: String,
    /// Bytes, when the caller knows: then no other number is taken.
    #[schema(maximum = 5368709120_u64)]
    size: Option<u64>,
    /// CRC-64/NVME in base64, when the caller knows: then no other bytes are taken.
    #[schema(pattern = "^[A-Za-z0-9+/]{10}[AEIMQUYcgkosw048]=$")]
    crc64nvme: Option<String>,
    /// SHA-256 in base64, likewise. Only one checksum is taken.
    #[schema(pattern = "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
    sha256: Option<String>,
    #[serde(default)]
    land: Land,
}

/// What makes an upload land.
#[derive(Clone, Copy, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Land {
    /// Its arrival in the inbox.
    #[default]
    Event,
    /// A `POST /jobs` that names it.
    Submit,
}

/// Where to send the file.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "bucket": "the-inbox", "key": "inbox/flights/june.csv", "method": "PUT", "url": "https://…",
    "headers": {"content-length": "1048576"}, "expires": "2026-01-31T12:15:00Z",
}))]
pub(crate) struct Upload {
    /// The bucket of the inbox.
    bucket: String,
    /// The key that the file gets.
    key: String,
    /// `PUT`.
    method: &'static str,
    /// A presigned URL.
    url: String,
    /// They are signed: the upload has to have just these.
    headers: BTreeMap<String, String>,
    /// Until when the URL is good.
    #[schema(format = DateTime)]
    expires: String,
}

/// Tells where to PUT a file so that it lands, by itself or once it is submitted.
#[utoipa::path(
    post,
    path = "/uploads",
    tag = "uploads",
    operation_id = "create_upload",
    request_body = Wanted,
    responses((status = 201, description = "Where to send it.", body = Upload)),
    extensions(("x-problems" = json!([Kind::NoSuchDataset, Kind::Invalid])))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Upload>), Problem> {
    caller.check(&wanted.dataset)?;
    if wanted.size.is_some_and(|size| size > MAX_PUT_BYTES) {
        return Err(Problem::invalid(format!(
            "`size`: one PUT takes at most {MAX_PUT_BYTES} bytes: upload larger files with the AWS CLI"
        ))
        .of_field("size")
        .over(MAX_PUT_BYTES));
    }
    let terms = wanted.terms()?;
    if app.registry.contract(&wanted.dataset, None).await?.is_none() {
        return Err(crate::datasets::no_dataset(&wanted.dataset));
    }
    let key = wanted.key(&app.config.inbox_prefix, Uuid::new_v4())?;
    let PresignedPut { url, headers } = app.inbox().presign_put(&key, &terms, URL_SECONDS).await?;
    let (bucket, expires) = (app.config.inbox_bucket.clone(), in_seconds(URL_SECONDS));
    let upload = Upload { bucket, key, method: "PUT", url, headers, expires };
    Ok((StatusCode::CREATED, Json(upload)))
}

impl Wanted {
    /// What the file has to be.
    fn terms(&self) -> Result<PutTerms, Problem> {
        let checksum = match (&self.crc64nvme, &self.sha256) {
            (None, None) => None,
            (Some(crc), None) if is_base64(crc, 8) => Some(PutChecksum::Crc64Nvme(crc.clone())),
            (None, Some(sha)) if is_base64(sha, 32) => Some(PutChecksum::Sha256(sha.clone())),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(
                    "`crc64nvme` or `sha256`: the store takes one checksum of a file",
                )
                .of_field("sha256"));
            }
            (crc, _) => {
                return Err(Problem::invalid(
                    "a checksum is given in base64: of `crc64nvme` 8 bytes, the highest first, of `sha256` 32",
                )
                .of_field(if crc.is_some() { "crc64nvme" } else { "sha256" }));
            }
        };
        // What waits to be submitted is looked at twice, by its sender and by the job. A file of
        // the inbox may be replaced: each of its versions is a job of its own.
        Ok(PutTerms { size: self.size, checksum, is_new: self.land == Land::Submit })
    }

    fn key(&self, inbox_prefix: &str, id: Uuid) -> Result<String, Problem> {
        let name = &self.name;
        let odd_part = name.split('/').any(|part| matches!(part, "" | "." | ".."));
        if odd_part || name.chars().any(char::is_control) {
            return Err(Problem::invalid(
                "`name` is a file name, or folders and a file name: no empty part, no `.` or `..`, no control character",
            )
            .of_field("name"));
        }
        let key = match self.land {
            Land::Event => format!("{inbox_prefix}{}/{name}", self.dataset),
            Land::Submit => format!("{STAGED_PREFIX}{}/{id}/{name}", self.dataset),
        };
        match key.len() <= MAX_KEY_BYTES {
            true => Ok(key),
            false => Err(Problem::invalid(format!(
                "`name` is too long: the key has {} bytes, {MAX_KEY_BYTES} are allowed",
                key.len()
            ))
            .of_field("name")
            .over(MAX_KEY_BYTES as u64)),
        }
    }
}

/// Whether a text is the base64 of so many bytes, as it is written by everybody.
fn is_base64(text: &str, bytes: usize) -> bool {
    // Of 8 or 32 bytes, the last digit has two bits that belong to none, and one `=` follows.
    let digit = |c: u8| c.is_ascii_alphanumeric() || c == b'+' || c == b'/';
    text.strip_suffix('=').is_some_and(|digits| {
        digits.len() == (bytes * 8).div_ceil(6)
            && digits.bytes().all(digit)
            && digits.ends_with(|c| "AEIMQUYcgkosw048".contains(c))
    })
}

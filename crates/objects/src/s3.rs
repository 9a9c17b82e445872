mod refusal;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
    EncodingType, Tag, Tagging,
};
use aws_smithy_types::base64;
use aws_types::SdkConfig;
use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    Buckets, Error, Head, Listed, Objects, OpenUpload, Part, Pin, PresignedPut, Put, PutChecksum,
    PutTerms, Result, Tags, shown,
};
use refusal::Call;

/// How often a download that breaks off is taken up again where it broke. What fails before its
/// first byte, the client tries again by itself.
const RESUMPTIONS: u32 = 4;

/// Buckets of Amazon S3.
///
/// Whatever is written carries its CRC-64/NVME: S3 checks it, keeps it as the checksum of the whole
/// object, also of one made of parts, and it runs at memory speed. The signature covers that
/// checksum, so the SHA-256 of the payload, which costs far more, is left out.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
}

impl S3 {
    /// A client for the region, the credentials and the endpoint of `config`.
    pub fn new(config: &SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config)
            // A local cloud has one host name for all buckets.
            .force_path_style(config.endpoint_url().is_some())
            // Else a CRC-32 would be added to uploads, and to presigned ones as a header that every
            // uploader had to send.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            // Else all downloads would ask for a checksum, though ranges have none.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self { client: Client::from_conf(s3) }
    }
}

impl Buckets for S3 {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        Arc::new(Bucket { client: self.client.clone(), name: name.to_owned() })
    }
}

#[derive(Debug)]
struct Bucket {
    client: Client,
    name: String,
}

#[async_trait]
impl Objects for Bucket {
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head> {
        let call =
            self.call(if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" }, key);
        let head = self
            .client
            .head_object()
            .bucket(&self.name)
            .key(key)
            .set_version_id(version.map(str::to_owned));
        let head = head
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .map_err(|error| call.refused(&error))?;
        // A composite checksum would say something only with the sizes of the parts.
        let crc = head
            .checksum_crc64_nvme()
            .filter(|_| head.checksum_type() == Some(&ChecksumType::FullObject));
        Ok(Head {
            size: head
                .content_length()
                .and_then(|length| u64::try_from(length).ok())
                .ok_or_else(|| call.odd("no size"))?,
            etag: unquoted(head.e_tag().ok_or_else(|| call.odd("no ETag"))?),
            version: head.version_id().map(str::to_owned),
            crc64nvme: crc
                .and_then(|text| base64::decode(text).ok()?.try_into().ok())
                .map(u64::from_be_bytes),
        })
    }

    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes> {
        let call = self
            .call(if pin.version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" }, key);
        let mut etag = pin.etag.clone();
        let mut bytes = BytesMut::new();
        let mut resumptions = 0;
        loop {
            let from = range.start + bytes.len() as u64;
            if from >= range.end {
                return Ok(bytes.freeze());
            }
            let get = self
                .client
                .get_object()
                .bucket(&self.name)
                .key(key)
                .set_version_id(pin.version.clone());
            let get = get
                .set_if_match(etag.as_deref().map(quoted))
                .range(format!("bytes={from}-{}", range.end - 1));
            let mut answer = match get.send().await {
                Ok(answer) => answer,
                Err(error) if refusal::is_beyond_the_end(&error) => return Ok(bytes.freeze()),
                Err(error) => return Err(call.refused(&error)),
            };
            // A download that goes on must be of the same object as its first bytes.
            etag = etag.or_else(|| answer.e_tag().map(unquoted));
            // A server may ignore a range (RFC 9110, 14.2) and send the whole object, as the local
            // cloud does when a version is asked for.
            let is_whole = answer.content_range().is_none();
            if is_whole {
                bytes.clear();
            }
            bytes.reserve(
                answer
                    .content_length()
                    .and_then(|length| usize::try_from(length).ok())
                    .unwrap_or(0),
            );
            match drain(&mut answer.body, &mut bytes).await {
                Ok(()) if is_whole => return Ok(cut(bytes.freeze(), range)),
                Ok(()) => return Ok(bytes.freeze()),
                Err(_) if is_whole && resumptions < RESUMPTIONS => {
                    bytes.clear();
                    resumptions += 1;
                }
                Err(_) if resumptions < RESUMPTIONS => resumptions += 1,
                Err(_) => return Err(call.broke_off()),
            }
        }
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Bytes> {
        let call = self.call("s3:GetObject", key);
        for _ in 0..=RESUMPTIONS {
            let get = self
                .client
                .get_object()
                .bucket(&self.name)
                .key(key)
                .checksum_mode(ChecksumMode::Enabled);
            let mut answer = get.send().await.map_err(|error| call.refused(&error))?;
            let size = answer
                .content_length()
                .and_then(|length| u64::try_from(length).ok())
                .ok_or_else(|| call.odd("no size"))?;
            if size > limit {
                return Err(Error::too_large(&call.place, size, limit));
            }
            let mut bytes = BytesMut::with_capacity(size as usize);
            // From its start again, as the checksum is of the whole.
            if drain(&mut answer.body, &mut bytes).await.is_ok() {
                return Ok(bytes.freeze());
            }
        }
        Err(call.broke_off())
    }

    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()> {
        let call = self.call("s3:PutObject", key);
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .checksum_crc64_nvme(crc(&bytes))
            .body(ByteStream::from(bytes));
        let request = match put {
            Put::Overwrite => request,
            Put::IfAbsent => request.if_none_match("*"),
        };
        request
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| call.refused(&error))?;
        Ok(())
    }

    async fn create_upload(&self, key: &str) -> Result<String> {
        let call = self.call("s3:PutObject", key);
        let create = self.client.create_multipart_upload().bucket(&self.name).key(key);
        let create = create
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject);
        let created = create.send().await.map_err(|error| call.refused(&error))?;
        created.upload_id.ok_or_else(|| call.odd("no upload id"))
    }

    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part> {
        let call = self.call("s3:PutObject", key);
        let put = self
            .client
            .upload_part()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .part_number(number.cast_signed());
        let put = put.checksum_crc64_nvme(crc(&bytes)).body(ByteStream::from(bytes));
        let done = put
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| call.refused(&error))?;
        Ok(Part { number, etag: unquoted(done.e_tag().ok_or_else(|| call.odd("no ETag"))?) })
    }

    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()> {
        let call = self.call("s3:PutObject", key);
        let named = |part: &Part| {
            CompletedPart::builder()
                .part_number(part.number.cast_signed())
                .e_tag(quoted(&part.etag))
                .build()
        };
        let parts = Part::in_order(parts, &call.place)?.into_iter().map(named).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self
            .client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .multipart_upload(parts);
        match complete.send().await.map_err(|error| call.refused(&error)) {
            Ok(_) => Ok(()),
            // It was completed before, if there is an object.
            Err(Error::Missing(text)) => match self.head(key, None).await {
                Err(Error::Missing(_)) => Err(Error::Missing(text)),
                there => there.map(|_| ()),
            },
            Err(error) => Err(error),
        }
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        let call = self.call("s3:AbortMultipartUpload", key);
        let abort =
            self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(upload);
        match abort.send().await.map_err(|error| call.refused(&error)) {
            Ok(_) | Err(Error::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        let call = self.call("s3:ListBucketMultipartUploads", prefix);
        let mut open = Vec::new();
        let (mut after_key, mut after_upload) = (None, None);
        loop {
            let list = self
                .client
                .list_multipart_uploads()
                .bucket(&self.name)
                .prefix(prefix)
                .encoding_type(EncodingType::Url);
            let page = list
                .set_key_marker(after_key)
                .set_upload_id_marker(after_upload)
                .send()
                .await
                .map_err(|error| call.refused(&error))?;
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else {
                    return Err(call.odd("an upload without key or id"));
                };
                open.push(OpenUpload {
                    key: decoded(key, page.encoding_type()),
                    upload: id.to_owned(),
                });
            }
            if page.is_truncated() != Some(true) {
                open.sort_by(|a, b| (&a.key, &a.upload).cmp(&(&b.key, &b.upload)));
                return Ok(open);
            }
            after_key = page.next_key_marker().map(|key| decoded(key, page.encoding_type()));
            after_upload = page.next_upload_id_marker().map(str::to_owned);
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
        let call = self.call("s3:ListBucket", prefix);
        let mut listed: Vec<Listed> = Vec::new();
        loop {
            // S3 may answer with fewer than it was asked for, without being at the end.
            let after = listed.last().map(|listed| listed.key.as_str()).or(after);
            let wanted = limit.saturating_sub(listed.len() as u32).cast_signed();
            let list = self
                .client
                .list_objects_v2()
                .bucket(&self.name)
                .prefix(prefix)
                .set_start_after(after.map(str::to_owned));
            let page = list
                .max_keys(wanted)
                .encoding_type(EncodingType::Url)
                .send()
                .await
                .map_err(|error| call.refused(&error))?;
            for object in page.contents() {
                let size = object.size().and_then(|size| u64::try_from(size).ok());
                let (Some(key), Some(size)) = (object.key(), size) else {
                    return Err(call.odd("an object without key or size"));
                };
                let written = object.last_modified().map(|time| time.secs());
                let modified = written.and_then(|seconds| u64::try_from(seconds).ok());
                let key = decoded(key, page.encoding_type());
                listed.push(Listed { key, size, modified });
            }
            if page.is_truncated() != Some(true)
                || page.contents().is_empty()
                || listed.len() >= limit as usize
            {
                return Ok(listed);
            }
        }
    }

    async fn versions(&self, key: &str) -> Result<Vec<String>> {
        let call = self.call("s3:ListBucketVersions", key);
        let mut versions = Vec::new();
        let (mut after_key, mut after_version) = (None, None);
        loop {
            let list = self
                .client
                .list_object_versions()
                .bucket(&self.name)
                .prefix(key)
                .encoding_type(EncodingType::Url);
            let list = list.set_key_marker(after_key).set_version_id_marker(after_version);
            let page = list.send().await.map_err(|error| call.refused(&error))?;
            let is_of_key = |listed: Option<&str>| {
                listed.is_some_and(|listed| decoded(listed, page.encoding_type()) == key)
            };
            let own = page.versions().iter().filter(|version| is_of_key(version.key()));
            versions.extend(own.filter_map(|version| version.version_id().map(str::to_owned)));
            // Keys that only begin with it come after it.
            let next_key =
                page.next_key_marker().map(|listed| decoded(listed, page.encoding_type()));
            if page.is_truncated() != Some(true) || next_key.as_deref() != Some(key) {
                return Ok(versions);
            }
            after_key = next_key;
            after_version = page.next_version_id_marker().map(str::to_owned);
        }
    }

    async fn tags(&self, key: &str, version: Option<&str>) -> Result<Tags> {
        let call = self.call(
            match version {
                Some(_) => "s3:GetObjectVersionTagging",
                None => "s3:GetObjectTagging",
            },
            key,
        );
        let get = self.client.get_object_tagging().bucket(&self.name).key(key);
        let answer = get.set_version_id(version.map(str::to_owned)).send().await;
        let answer = answer.map_err(|error| call.refused(&error))?;
        let tag = |tag: &Tag| (tag.key().to_owned(), tag.value().to_owned());
        Ok(answer.tag_set().iter().map(tag).collect())
    }

    async fn put_tags(&self, key: &str, version: Option<&str>, tags: &Tags) -> Result<()> {
        let call = self.call(
            match version {
                Some(_) => "s3:PutObjectVersionTagging",
                None => "s3:PutObjectTagging",
            },
            key,
        );
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags: std::result::Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
        let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build());
        let tagging = tagging.map_err(|_| call.odd("tags that can't be written"))?;
        let put = self.client.put_object_tagging().bucket(&self.name).key(key).tagging(tagging);
        let answer = put.set_version_id(version.map(str::to_owned)).send().await;
        answer.map(drop).map_err(|error| call.refused(&error))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let call = self.call("s3:DeleteObject", key);
        match self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
            .map_err(|error| call.refused(&error))
        {
            Ok(_) | Err(Error::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn presign_get(&self, key: &str, name: &str, seconds: u32) -> Result<String> {
        let get = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(key)
            .response_content_disposition(attachment(name));
        let presigned = get.presigned(expiry(seconds)?).await.map_err(|_| self.unsigned(key))?;
        Ok(presigned.uri().to_owned())
    }

    async fn presign_put(&self, key: &str, terms: &PutTerms, seconds: u32) -> Result<PresignedPut> {
        let size = terms.size.map(i64::try_from).transpose();
        let size = size.map_err(|_| Error::Denied("no object has that many bytes".to_owned()))?;
        let put = self.client.put_object().bucket(&self.name).key(key).set_content_length(size);
        let put = put.set_if_none_match(terms.is_new.then(|| "*".to_owned()));
        let put = match terms.checksum.clone() {
            None => put,
            Some(PutChecksum::Crc64Nvme(checksum)) => put.checksum_crc64_nvme(checksum),
            Some(PutChecksum::Sha256(checksum)) => put.checksum_sha256(checksum),
        };
        let presigned = put.presigned(expiry(seconds)?).await.map_err(|_| self.unsigned(key))?;
        // Every client sends `Host` by itself.
        let signed =
            presigned.headers().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let headers = signed.filter(|(name, _)| name != "host").collect();
        Ok(PresignedPut { url: presigned.uri().to_owned(), headers })
    }
}

impl Bucket {
    /// A call on `key`, or on the keys that start with it, and the permission that it takes.
    fn call(&self, permission: &'static str, key: &str) -> Call {
        Call { permission, place: shown(&format!("{}/{key}", self.name)) }
    }

    /// Why there is no URL is not passed on, lest any of it be shown. Only credentials can be
    /// wanting.
    fn unsigned(&self, key: &str) -> Error {
        let place = shown(&format!("{}/{key}", self.name));
        Error::Unavailable(format!(
            "no URL of {place} could be signed: no credentials could be loaded"
        ))
    }
}

async fn drain(
    body: &mut ByteStream,
    bytes: &mut BytesMut,
) -> std::result::Result<(), aws_sdk_s3::primitives::ByteStreamError> {
    while let Some(chunk) = body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(())
}

/// A range of a whole object.
fn cut(whole: Bytes, range: Range<u64>) -> Bytes {
    let to = range.end.min(whole.len() as u64);
    whole.slice(range.start.min(to) as usize..to as usize)
}

/// CRC-64/NVME as S3 writes it: base64 of eight bytes, the highest first.
fn crc(bytes: &[u8]) -> String {
    base64::encode(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes).to_be_bytes())
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// A key of a listing. Listings are asked for URL-encoded, as not every key can be written in XML.
fn decoded(key: &str, encoding: Option<&EncodingType>) -> String {
    match encoding {
        Some(EncodingType::Url) => {
            percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
        }
        _ => key.to_owned(),
    }
}

fn expiry(seconds: u32) -> Result<PresigningConfig> {
    let expiry = PresigningConfig::expires_in(Duration::from_secs(seconds.into()));
    expiry.map_err(|error| {
        Error::Denied(format!("a URL can't be valid for {seconds} seconds: {error}"))
    })
}

/// The header that makes a browser save what it downloads as `name`, whatever its characters (RFC
/// 6266).
fn attachment(name: &str) -> String {
    const ATTRIBUTE: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._ ".contains(c) { c } else { '_' })
        .collect();
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, ATTRIBUTE)
    )
}

#[cfg(test)]
mod tests;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// A server that gives these answers, each on a connection of its own, and then tells the requests
/// that it got.
async fn server(answers: &'static [&'static str]) -> (Arc<dyn Objects>, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "id", "secret", None, None, "test",
        )))
        .endpoint_url(format!("http://{}", listener.local_addr().expect("it is bound")))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.expect("a client comes");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(connection.read_u8().await.expect("the request has a head"));
            }
            requests.push(String::from_utf8_lossy(&request).to_lowercase());
            connection.write_all(answer.as_bytes()).await.expect("the client listens");
        }
        requests
    });
    (S3::new(&config).bucket("bucket"), requests)
}

#[tokio::test]
async fn a_download_that_breaks_off_is_taken_up_where_it_broke() {
    let (objects, requests) = server(&[
        "HTTP/1.1 206 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-range: bytes 2-7/9\r\ncontent-length: 6\r\n\r\n2345",
        "HTTP/1.1 206 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-range: bytes 6-7/9\r\ncontent-length: 2\r\n\r\n67",
    ])
    .await;
    assert_eq!(objects.get("key", &Pin::default(), 2..8).await, Ok(Bytes::from("234567")));
    let requests = requests.await.expect("the server does not panic");
    assert!(
        requests[0].contains("\r\nrange: bytes=2-7\r\n") && !requests[0].contains("\r\nif-match:"),
        "{requests:?}"
    );
    assert!(
        requests[1].contains("\r\nrange: bytes=6-7\r\n")
            && requests[1].contains("\r\nif-match: \"e\"\r\n"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_server_may_ignore_a_range() {
    let (objects, requests) = server(&[
        "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-length: 9\r\n\r\n01234",
        "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-length: 9\r\n\r\n012345678",
    ])
    .await;
    assert_eq!(objects.get("key", &Pin::default(), 2..8).await, Ok(Bytes::from("234567")));
    let requests = requests.await.expect("the server does not panic");
    assert!(
        requests.iter().all(|request| request.contains("\r\nrange: bytes=2-7\r\n")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_download_that_keeps_breaking_off_is_given_up() {
    const BROKEN: &str = "HTTP/1.1 206 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-range: bytes 0-8/9\r\ncontent-length: 9\r\n\r\n";
    let (objects, requests) = server(&[BROKEN; 1 + RESUMPTIONS as usize]).await;
    assert!(matches!(objects.get("key", &Pin::default(), 0..9).await, Err(Error::Unavailable(_))));
    assert_eq!(requests.await.expect("the server does not panic").len(), 5);
}

#[tokio::test]
async fn a_checksum_is_taken_only_of_the_whole() {
    let (objects, _) = server(&[
        "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-length: 9\r\nx-amz-checksum-type: FULL_OBJECT\r\nx-amz-checksum-crc64nvme: rosUhgp5mIg=\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"e-2\"\r\ncontent-length: 9\r\nx-amz-checksum-type: COMPOSITE\r\nx-amz-checksum-crc64nvme: rosUhgp5mIg=\r\n\r\n",
    ])
    .await;
    let head = |etag: &str, crc64nvme| {
        Ok(Head { size: 9, etag: etag.to_owned(), version: None, crc64nvme })
    };
    assert_eq!(objects.head("key", None).await, head("e", Some(0xAE8B_1486_0A79_9888)));
    assert_eq!(objects.head("key", None).await, head("e-2", None));
}

/// The headers that a presigned request is bound to.
fn signed(url: &str) -> Vec<String> {
    let signed = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders="));
    let signed = percent_decode_str(signed.expect("it is signed")).decode_utf8_lossy();
    signed.split(';').map(str::to_owned).collect()
}

#[tokio::test]
async fn a_presigned_upload_is_bound_to_its_terms_and_to_nothing_else() {
    let (objects, _) = server(&[]).await;
    let crc64nvme = || PutChecksum::Crc64Nvme("rosUhgp5mIg=".to_owned());
    let sha256 = || PutChecksum::Sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned());
    for size in [None, Some(0), Some(5 << 30)] {
        for checksum in [None, Some(crc64nvme()), Some(sha256())] {
            for is_new in [false, true] {
                let terms = PutTerms { size, checksum: checksum.clone(), is_new };
                let put = objects.presign_put("a b", &terms, 60).await.expect("it can be signed");
                assert!(put.url.contains("/bucket/a%20b?"), "{}", put.url);
                // What is signed is what the uploader is told to send, and says what the terms say.
                assert_eq!(put.headers, terms.headers());
                let host = "host".to_owned();
                let mut expected: Vec<_> = put.headers.keys().cloned().chain([host]).collect();
                expected.sort();
                assert_eq!(signed(&put.url), expected);
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unavailable() {
    let (objects, requests) = server(&[]).await;
    requests.await.expect("the server is gone");
    assert!(
        matches!(objects.head("key", None).await, Err(Error::Unavailable(text)) if text.starts_with("s3:GetObject on bucket/key got no answer: "))
    );
}

#[test]
fn a_crc_is_written_as_s3_does() {
    // The check value of the CRC's definition, 0xAE8B14860A799888 of `123456789`.
    assert_eq!(crc(b"123456789"), "rosUhgp5mIg=");
}

#[test]
fn a_name_of_any_characters_is_one_header() {
    assert_eq!(
        attachment("a \"ü\"\r\n.csv"),
        "attachment; filename=\"a _____.csv\"; filename*=UTF-8''a%20%22%C3%BC%22%0D%0A.csv"
    );
}

#[test]
fn keys_of_a_listing_are_decoded_as_s3_encodes_them() {
    assert_eq!(decoded("a+b%2Bc%2520%C3%BC/%01", Some(&EncodingType::Url)), "a b+c%20ü/\u{1}");
    assert_eq!(decoded("a+b%20", None), "a+b%20");
}

#[test]
fn a_url_is_valid_for_at_most_a_week() {
    assert!(expiry(7 * 24 * 3600).is_ok());
    assert!(matches!(expiry(7 * 24 * 3600 + 1), Err(Error::Denied(_))));
}

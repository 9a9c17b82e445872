use proptest::prelude::*;

use super::*;

const CLOSED: [&str; 2] = ["the-work", "the-lake"];

fn sources(others: &str) -> Sources {
    Sources::only("the-inbox", "inbox/", others, CLOSED).expect("the patterns can be read")
}

fn source(bucket: &str, key: &str) -> SourceRef {
    SourceRef {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version: None,
        etag: None,
        sequencer: None,
    }
}

fn is_allowed(sources: &Sources, bucket: &str, key: &str) -> bool {
    sources.check(&source(bucket, key)).is_ok()
}

/// What `*` and `?` mean, in the plainest way.
fn fits(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skipped| fits(rest, &text[skipped..])),
        ['?', rest @ ..] => !text.is_empty() && fits(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && fits(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn a_pattern_matches_what_it_says(place in "[ab*?]{1,5}/[ab/*?é]{0,6}", bucket in "[ab]{1,4}", key in "[ab/é]{0,6}") {
        let pattern = Pattern::parse(&format!("arn:aws:s3:::{place}")).expect("it is a pattern");
        let text: Vec<char> = format!("{bucket}/{key}").chars().collect();
        let expected = fits(&place.chars().collect::<Vec<_>>(), &text);
        prop_assert_eq!(pattern.matches(&bucket, &key), expected);
    }

    /// Whatever the deployment allows besides.
    #[test]
    fn work_and_lake_are_never_sources(others in "arn:aws:s3:::[*?thelakwor-]{1,8}/[*?a-z/]{0,8}", key in "[a-z./*?]{1,12}") {
        let sources = sources(&format!("arn:aws:s3:::*/*,{others}"));
        for bucket in CLOSED {
            prop_assert!(!is_allowed(&sources, bucket, &key));
        }
    }

    #[test]
    fn of_the_inbox_only_its_own_prefixes_are_sources(key in "(inbox|staged|reference|INBOX|\\.\\.|jobs)?/?[a-z./]{0,6}") {
        let expected = (key.starts_with("inbox/") || key.starts_with("staged/")) && !key.ends_with('/');
        for others in ["", "arn:aws:s3:::*/*", "arn:aws:s3:::the-inbox/reference/*"] {
            prop_assert_eq!(is_allowed(&sources(others), "the-inbox", &key), expected, "{}", others);
        }
    }

    #[test]
    fn another_bucket_is_a_source_only_as_a_pattern_says(bucket in "[a-z]{3,5}", key in "[a-z/]{0,5}[a-z]") {
        prop_assert!(!is_allowed(&sources(""), &bucket, &key));
        let named = format!("arn:aws:s3:::x/*, arn:aws-cn:s3:::{bucket}/*");
        let elsewhere = format!("arn:aws:s3:::{bucket}/prefix-/*");
        prop_assert!(is_allowed(&sources(&named), &bucket, &key));
        prop_assert!(!is_allowed(&sources(&elsewhere), &bucket, &key));
        prop_assert!(Sources::any().check(&source(&bucket, &key)).is_ok());
    }

    /// A name with anything odd in it is no name, also where everything else would be allowed.
    #[test]
    fn what_no_store_has_is_no_name(bucket in "[a-z]{3}", odd in "[^a-z0-9.-]", key in "[a-z]{1,3}", control in "[\\x00-\\x1f\\x7f\\u{80}-\\u{9f}]") {
        let sources = sources("arn:aws:s3:::*/*");
        let no_name = |bucket: &str, key: &str| matches!(sources.check(&source(bucket, key)), Err(Refused::NoName(_)));
        for wrong in [format!("{bucket}{odd}a"), format!("-{bucket}"), format!("{bucket}."), format!("arn:aws:s3:::{bucket}")] {
            prop_assert!(no_name(&wrong, &key), "{:?}", wrong);
        }
        for wrong in [format!("{key}{control}"), format!("{control}{key}"), format!("{key}/"), String::new()] {
            prop_assert!(no_name(&bucket, &wrong), "{:?}", wrong);
        }
    }
}

#[test]
fn keys_are_literal() {
    let sources = sources("");
    for key in ["inbox/../x", "staged/../../the-lake/x", "inbox//x", "inbox/%2e%2e/x"] {
        assert!(
            is_allowed(&sources, "the-inbox", key),
            "{key}: an object of its own under the prefix"
        );
    }
    for key in ["../inbox/x", "/inbox/x", "inbox%2Fx", "./inbox/x", "jobs/../inbox/x"] {
        assert!(
            !is_allowed(&sources, "the-inbox", key),
            "{key}: an object of its own outside of it"
        );
    }
}

#[test]
fn other_names_of_buckets_are_no_names() {
    let sources = sources("arn:aws:s3:::*/*");
    for bucket in
        ["ap-abc-s3alias", "a--x-s3", "ap.mrap", "127.0.0.1", "a..b", "ab", &"a".repeat(64)]
    {
        assert!(matches!(sources.check(&source(bucket, "a")), Err(Refused::NoName(_))), "{bucket}");
    }
    assert!(is_allowed(&sources, &"a".repeat(63), &"a".repeat(MAX_KEY_BYTES)));
    assert!(!is_allowed(&sources, "abc", &"a".repeat(MAX_KEY_BYTES + 1)));
}

#[test]
fn a_refusal_says_what_may_be_named() {
    let refused = |others| {
        sources(others)
            .check(&source("the-work", "jobs/j/rejects.csv"))
            .map_err(|error| error.to_string())
    };
    let place = "s3://the-work/jobs/j/rejects.csv may not be landed. \
                 A source is an object under inbox/ or staged/ of the bucket the-inbox";
    assert_eq!(
        refused(""),
        Err(format!("{place}; the template parameter `SourceBucketArns` allows others."))
    );
    let others = "arn:aws:s3:::a/*, arn:aws:s3:::b/c/*";
    assert_eq!(refused(others), Err(format!("{place}, or one of `SourceBucketArns`: {others}.")));
}

#[test]
fn what_is_no_pattern_is_named() {
    for wrong in [
        "bucket/key",
        "arn:aws:s3:::bucket",
        "arn:aws:sqs:::a/b",
        "arn:aws:s3:eu:1:a/b",
        "*",
        "arn:aws:s3:::a/${aws:username}/*",
    ] {
        let error = Sources::only("the-inbox", "inbox/", wrong, CLOSED)
            .map(|_| ())
            .expect_err("a pattern that is refused");
        assert!(error.contains(wrong), "{error}");
    }
    for right in ["", ",", " , arn:aws:s3:::a/* ,", "arn:aws-us-gov:s3:::a/b:c"] {
        assert!(Sources::only("the-inbox", "inbox/", right, CLOSED).is_ok(), "{right}");
    }
}

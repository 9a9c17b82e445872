//! Checks what the template promises and the local cloud does not check: it drops throttling,
//! lifecycle rules, TTL and logging without a word.

use std::collections::BTreeSet;
use std::fs;

use api::{NEEDS, Scope};
use serde_json::{Value, json};
use xtask::{checkout, functions};

use super::sources::{between, properties, resource_of, resources, rust, template, text};

#[test]
fn functions_folders_and_binaries_have_the_same_names() {
    let template = template();
    let folders: BTreeSet<String> = fs::read_dir(checkout::root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, functions::NAMES.map(str::to_owned).into());
    let deployed: BTreeSet<&str> =
        resources(&template, "AWS::Serverless::Function").into_iter().collect();
    assert_eq!(deployed, functions::NAMES.map(resource_of).iter().map(String::as_str).collect());
    for name in functions::NAMES {
        assert!(
            text(&format!("functions/{name}/Cargo.toml")).contains(&format!("name = \"{name}\"")),
            "{name}"
        );
        let metadata = &template["Resources"][resource_of(name)]["Metadata"];
        let built = (&metadata["BuildMethod"], &metadata["BuildProperties"]);
        assert_eq!(built, (&json!("rust-cargolambda"), &json!({ "Binary": name })), "{name}");
    }
}

#[test]
fn the_template_reads_in_the_order_of_the_data() {
    let text = text("template.yaml");
    let at = |name: &str| {
        text.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("the template has no {name}"))
    };
    let mut order = vec!["Door", "DoorStage", "Landing"].into_iter().map(at).collect::<Vec<_>>();
    for name in functions::NAMES {
        let function = resource_of(name);
        order.extend([at(&function), at(&function.replace("Function", "Log"))]);
    }
    order.extend(
        [
            "InboxBucket",
            "LakeBucket",
            "WorkBucket",
            "SiteBucket",
            "Table",
            "AdmitQueue",
            "DeadLettersAlarm",
            "LiveAlarm",
            "ApiUrl",
        ]
        .map(at),
    );
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn every_function_scales_logs_and_alarms_alone() {
    let template = template();
    for function in resources(&template, "AWS::Serverless::Function") {
        let of_function = properties(&template, function);
        for property in ["Description", "MemorySize", "Timeout", "ReservedConcurrentExecutions"] {
            assert!(of_function.get(property).is_some(), "{function} has no {property}");
        }
        let log = properties(&template, &function.replace("Function", "Log"));
        assert_eq!(log["LogGroupName"], format!("/aws/lambda/${{{function}}}"));
        let alarm = properties(&template, &function.replace("Function", "Alarm"));
        assert_eq!(
            (&alarm["MetricName"], &alarm["Dimensions"]),
            (&json!("Errors"), &json!([{ "Name": "FunctionName", "Value": function }]))
        );
    }
    for log in resources(&template, "AWS::Logs::LogGroup") {
        assert_eq!(properties(&template, log)["RetentionInDays"], "LogRetentionDays", "{log}");
        assert_eq!(
            properties(&template, log)["KmsKeyId"],
            json!(["HasKmsKey", "KmsKeyArn", "AWS::NoValue"]),
            "{log}"
        );
    }
    let globals = &template["Globals"]["Function"];
    assert_eq!(
        (&globals["Runtime"], &globals["Architectures"]),
        (&json!("provided.al2023"), &json!(["Architecture"]))
    );
    assert_eq!(template["Parameters"]["Architecture"]["Default"], "arm64");
}

#[test]
fn what_is_reserved_leaves_what_lambda_wants_to_keep() {
    let template = template();
    // So many of an account's concurrent executions can't be reserved.
    let unreserved = 100;
    let reserved = |function: &&str| {
        properties(&template, function)["ReservedConcurrentExecutions"][1].as_u64()
    };
    let sum: u64 =
        resources(&template, "AWS::Serverless::Function").iter().filter_map(reserved).sum();
    let text = template["Parameters"]["ReserveConcurrency"]["Description"].as_str().unwrap();
    assert!(
        text.contains(&format!("MaxConcurrency + {}", sum + unreserved)),
        "{sum} are reserved: {text}"
    );
}

#[test]
fn functions_are_told_what_they_ask_for_and_no_more() {
    let template = template();
    for name in functions::NAMES {
        let source = rust(&format!("functions/{name}/src"));
        let context = if source.contains("deployment::context") {
            rust("crates/deployment/src/lib.rs")
        } else {
            String::new()
        };
        let has_no_registry = source.contains("deployment::context_without_registry()");
        let asked = |call: &str| -> BTreeSet<String> {
            let own = between(&source, call, "\"").chain(between(&context, call, "\""));
            own.filter(|name| name.starts_with("LANDFALL_"))
                .filter(|name| !(has_no_registry && *name == "LANDFALL_TABLE"))
                .map(str::to_owned)
                .collect()
        };
        let needed: BTreeSet<String> =
            ["setting(\"", "required(\""].into_iter().flat_map(asked).collect();
        let known: BTreeSet<String> = ["optional(\"", "number(\""]
            .into_iter()
            .flat_map(asked)
            .chain(needed.clone())
            .collect();
        let variables = properties(&template, &resource_of(name))
            .pointer("/Environment/Variables")
            .and_then(Value::as_object);
        let told: BTreeSet<String> =
            variables.into_iter().flatten().map(|(name, _)| name.clone()).collect();
        assert!(needed.is_subset(&told), "{name} asks for {needed:?} and is told {told:?}");
        assert!(told.is_subset(&known), "{name} is told {told:?} and knows {known:?}");
    }
}

#[test]
fn buckets_are_private_encrypted_and_tidy() {
    let template = template();
    let buckets = resources(&template, "AWS::S3::Bucket");
    assert_eq!(buckets.len(), 4);
    for bucket in buckets {
        let of_bucket = properties(&template, bucket);
        let yes = json!({ "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true });
        assert_eq!(of_bucket["PublicAccessBlockConfiguration"], yes, "{bucket}");
        assert!(of_bucket["BucketEncryption"].is_object(), "{bucket}");
        let rules = of_bucket["LifecycleConfiguration"]["Rules"].as_array().unwrap();
        let aborts = rules.iter().any(|rule| {
            rule["Status"] == "Enabled"
                && rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 2
        });
        assert!(aborts, "{bucket}: open uploads are what a killed attempt leaves");
        assert_eq!(
            template["Resources"][bucket]["DeletionPolicy"], "Retain",
            "{bucket}: deleting the stack must not delete data"
        );
        let policy = properties(&template, &format!("{bucket}Policy"));
        assert_eq!(policy["Bucket"], bucket);
        assert!(refuses_plain_http(policy, "s3:*"), "{bucket}");
    }
    let inbox = properties(&template, "InboxBucket");
    assert_eq!(
        inbox["VersioningConfiguration"]["Status"], "Enabled",
        "a job lands the version it was started for"
    );
    assert_eq!(
        inbox["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"],
        true
    );
}

/// What the API answers with is a URL of a bucket, which asks pages for their origin itself.
#[test]
fn pages_that_may_call_the_api_may_follow_its_urls() {
    let template = template();
    for (bucket, method) in [("InboxBucket", "PUT"), ("LakeBucket", "GET"), ("WorkBucket", "GET")] {
        let cors = &properties(&template, bucket)["CorsConfiguration"];
        assert_eq!(cors[0], "ServesPages", "{bucket}");
        let of_others = &cors[1]["CorsRules"][0][1];
        assert_eq!(of_others["AllowedOrigins"], "CorsOrigins", "{bucket}");
        let rule = &cors[1]["CorsRules"][1][1];
        assert_eq!(rule["AllowedOrigins"], json!(["https://${Site.DomainName}"]), "{bucket}");
        assert_eq!(rule["AllowedMethods"], of_others["AllowedMethods"], "{bucket}");
        assert_eq!(rule["AllowedMethods"], json!([method]), "{bucket}");
    }
}

#[test]
fn what_holds_records_is_deleted_in_time_and_not_before_it_may_be_needed() {
    let template = template();
    let rules = &properties(&template, "WorkBucket")["LifecycleConfiguration"]["Rules"];
    let of_jobs: Vec<_> =
        rules.as_array().unwrap().iter().filter(|rule| rule["Prefix"] == "jobs/").collect();
    let expected = json!({ "Id": "jobs", "Status": "Enabled", "Prefix": "jobs/", "ExpirationInDays": "JobRetentionDays" });
    assert_eq!(of_jobs, [&expected], "rejects are rejected records as they came");

    // An execution may be redriven for 14 days after its end, and the last day of either counts.
    let redrive = 14;
    let day = 24 * 60 * 60;
    let execution =
        super::sources::state_machine()["TimeoutSeconds"].as_u64().unwrap().div_ceil(day);
    let days = &template["Parameters"]["JobRetentionDays"];
    assert!(days["MinValue"].as_u64().unwrap() > redrive + execution, "{days}");
    assert!(days["Default"].as_u64() >= days["MinValue"].as_u64(), "{days}");
}

#[test]
fn an_exception_from_a_scanner_says_why() {
    let template = template();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        for skipped in resource
            .pointer("/Metadata/checkov/skip")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let reason = skipped["comment"].as_str().unwrap_or_default();
            assert!(reason.len() > 30 && reason.ends_with('.'), "{name}: {skipped}");
        }
    }
}

#[test]
fn queues_are_encrypted_with_the_key_that_is_given() {
    let template = template();
    for queue in resources(&template, "AWS::SQS::Queue") {
        let of_queue = properties(&template, queue);
        assert_eq!(
            of_queue["SqsManagedSseEnabled"],
            json!(["HasKmsKey", "AWS::NoValue", true]),
            "{queue}"
        );
        assert_eq!(
            of_queue["KmsMasterKeyId"],
            json!(["HasKmsKey", "KmsKeyArn", "AWS::NoValue"]),
            "{queue}"
        );
    }
    let key = properties(&template, "QueueKey");
    assert_eq!(
        key["Roles"],
        json!(["AdmitFunctionRole", "SettleFunctionRole", "LiveFunctionRole"])
    );
}

#[test]
fn open_uploads_outlive_every_execution() {
    let (hour, lifecycle) = (60 * 60, 2 * 24 * 60 * 60);
    assert!(
        super::sources::state_machine()["TimeoutSeconds"].as_u64().unwrap() <= lifecycle - 2 * hour,
        "the lifecycle rule aborts after two days"
    );
}

#[test]
fn the_registry_can_be_restored_and_forgets_in_time() {
    let template = template();
    let table = properties(&template, "Table");
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(
        table["TimeToLiveSpecification"],
        json!({ "AttributeName": "expires", "Enabled": true })
    );
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(template["Resources"]["Table"]["DeletionPolicy"], "Retain");
    let adapter = text("crates/registry/src/dynamodb.rs");
    for attribute in
        between(&text("template.yaml"), "AttributeName: ", ",").collect::<BTreeSet<_>>()
    {
        assert!(
            adapter.contains(&format!("`{attribute}`")),
            "the registry does not explain the attribute `{attribute}`"
        );
    }
    for index in table["GlobalSecondaryIndexes"].as_array().unwrap() {
        assert!(
            adapter.contains(&format!("({}, \"by_", index["IndexName"])),
            "the registry does not use the index {}",
            index["IndexName"]
        );
        assert_eq!(index["Projection"]["ProjectionType"], "ALL");
    }
}

#[test]
fn no_event_is_lost() {
    let template = template();
    let queue = properties(&template, "AdmitQueue");
    assert_eq!(
        queue["RedrivePolicy"],
        json!({ "deadLetterTargetArn": "DeadLetters.Arn", "maxReceiveCount": 5 })
    );
    let admit = properties(&template, "AdmitFunction");
    assert!(
        queue["VisibilityTimeout"].as_u64().unwrap() >= 6 * admit["Timeout"].as_u64().unwrap(),
        "AWS asks for six times the function's timeout"
    );
    assert_eq!(
        admit["Events"]["Inbox"]["Properties"]["FunctionResponseTypes"],
        json!(["ReportBatchItemFailures"])
    );
    assert_eq!(admit["Environment"]["Variables"]["LANDFALL_ADMIT_QUEUE"], "AdmitQueue");
    let rule = properties(&template, "InboxRule");
    assert_eq!(rule["EventPattern"]["detail"]["bucket"]["name"], json!(["InboxBucket"]));
    assert_eq!(
        rule["EventPattern"]["detail"]["object"]["key"],
        json!([{ "prefix": admit["Environment"]["Variables"]["LANDFALL_INBOX_PREFIX"] }])
    );
    assert_eq!(rule["Targets"][0]["DeadLetterConfig"]["Arn"], "DeadLetters.Arn");
    assert!(refuses_plain_http(properties(&template, "AdmitQueuePolicy"), "sqs:*"));
    for statement in
        properties(&template, "AdmitQueuePolicy")["PolicyDocument"]["Statement"].as_array().unwrap()
    {
        let limited = statement["Effect"] == "Deny"
            || statement["Condition"]["ArnEquals"].get("aws:SourceArn").is_some();
        assert!(limited, "{statement}: whoever sends must be one of our rules");
    }
    assert_eq!(properties(&template, "DeadLettersAlarm")["Threshold"], 0);
}

/// Whoever else hears of jobs: each rule that hands events on, and what it needs.
#[test]
fn listeners_of_the_deployment_hear_every_event_of_jobs() {
    let template = template();
    let policy = &properties(&template, "AdmitQueuePolicy")["PolicyDocument"]["Statement"];
    let undelivered = policy[1]["Condition"]["ArnEquals"]["aws:SourceArn"].as_array().unwrap();
    for rule in resources(&template, "AWS::Events::Rule") {
        let of_rule = properties(&template, rule);
        for target in of_rule["Targets"].as_array().unwrap() {
            assert_eq!(target["DeadLetterConfig"]["Arn"], "DeadLetters.Arn", "{rule}");
        }
        let arn = format!("{rule}.Arn");
        let condition = &template["Resources"][rule]["Condition"];
        let may = match condition.as_str() {
            Some(condition) => json!([condition, arn, "AWS::NoValue"]),
            None => json!(arn),
        };
        assert!(undelivered.contains(&may), "the queue takes nothing of {rule}: {undelivered:?}");
        if condition.is_string() {
            let types = match of_rule["Targets"][0]["InputPath"].as_str() {
                // Runs alone, as OpenLineage has them.
                Some("$.detail") => json!([steps::lineage::DETAIL_TYPE]),
                _ => json!([{ "prefix": "landfall." }]),
            };
            let pattern = json!({ "source": [events::SOURCE], "detail-type": types });
            assert_eq!(of_rule["EventPattern"], pattern, "{rule}");
        }
    }
    for (connection, expected) in [
        ("WebhookConnection", "{{resolve:secretsmanager:${WebhookKeyArn}}}"),
        ("LineageConnection", "Bearer {{resolve:secretsmanager:${LineageKeyArn}}}"),
    ] {
        let connection = properties(&template, connection);
        let key = &connection["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyValue"];
        assert_eq!(key, expected, "a key is in no parameter");
    }
    let topic = properties(&template, "TopicPolicy");
    assert!(refuses_plain_http(topic, "sns:Publish"));
    let publisher = &topic["PolicyDocument"]["Statement"][0];
    assert_eq!(publisher["Condition"]["ArnEquals"]["aws:SourceArn"], "TopicRule.Arn");
}

#[test]
fn the_door_is_never_open_and_never_floods() {
    let template = template();
    for stage in ["DoorStage", "SocketsStage"] {
        let stage = properties(&template, stage);
        let settings = &stage["DefaultRouteSettings"];
        let is_limited =
            settings["ThrottlingRateLimit"].is_u64() && settings["ThrottlingBurstLimit"].is_u64();
        assert!(is_limited, "{stage}");
        // A query string holds cursors, keys and tickets.
        let format = stage["AccessLogSettings"]["Format"].as_str().unwrap();
        assert!(!format.contains("query"), "{format}");
    }
    assert_ne!(template["Parameters"]["Auth"]["Default"], "OPEN");
    for route in resources(&template, "AWS::ApiGatewayV2::Route") {
        let route = properties(&template, route);
        let key = route["RouteKey"].as_str().unwrap();
        if route["ApiId"] == "Sockets" {
            // The function lets in who has a ticket, which the door gives out.
            assert_eq!(route["AuthorizationType"], "NONE");
            continue;
        }
        if key == "OPTIONS /{proxy+}" {
            // A browser asks without credentials; there is no such route unless a page may call the
            // API.
            assert_eq!(template["Resources"]["OptionsRoute"]["Condition"], "ServesPages");
            assert_eq!(route["AuthorizationType"], "NONE");
            continue;
        }
        assert_eq!(
            route["AuthorizationType"],
            json!(["UsesJwt", "JWT", ["UsesIam", "AWS_IAM", "NONE"]]),
            "{route}"
        );
        // One of the scopes is enough for the gateway, so they are those that grant the first of
        // what some path of the method needs.
        let method = match key.split(' ').next() {
            Some("HEAD" | "$default") | None => "GET",
            Some(method) => method,
        };
        let needs = NEEDS.iter().filter(|(of, _, _)| *of == method);
        let wanted: BTreeSet<&str> = needs
            .filter_map(|(_, _, scopes)| scopes.first())
            .flat_map(|scope| scope.granted_by())
            .map(|scope| scope.name())
            .collect();
        let scopes = route["AuthorizationScopes"][1].as_array().unwrap().iter();
        assert_eq!(scopes.filter_map(Value::as_str).collect::<BTreeSet<_>>(), wanted, "{route}");
        assert_eq!(route["AuthorizerId"], json!(["UsesJwt", "DoorAuthorizer", "AWS::NoValue"]));
    }
    let authorizer = properties(&template, "DoorAuthorizer");
    assert_eq!(template["Resources"]["DoorAuthorizer"]["Condition"], "UsesJwt");
    assert_eq!(
        (&authorizer["AuthorizerType"], &authorizer["IdentitySource"]),
        (&json!("JWT"), &json!(["$request.header.Authorization"]))
    );
    assert_eq!(
        authorizer["JwtConfiguration"],
        json!({ "Issuer": "JwtIssuer", "Audience": "JwtAudience" }),
        "whose tokens, and meant for whom"
    );
}

/// Whoever writes a policy or a client reads these tables.
#[test]
fn the_scopes_are_told_in_the_template_and_in_the_reference() {
    let (template, page) = (text("template.yaml"), text("docs/reference/api.md"));
    for scope in Scope::ALL {
        assert!(template.contains(scope.name()), "{}", scope.name());
        assert!(page.contains(&format!("| `{}` |", scope.name())), "{}", scope.name());
    }
    for (method, path, scopes) in NEEDS {
        let short = |scope: &Scope| format!("`{}`", scope.name().trim_start_matches("landfall:"));
        let names: Vec<_> = scopes.iter().map(short).collect();
        let line = format!("| `{method} {path}` | {} |", names.join(", "));
        assert!(page.contains(&line), "docs/reference/api.md lacks {line}");
    }
}

#[test]
fn parameters_have_the_defaults_of_the_code() {
    let (template, settings) = (template(), steps::Settings::default());
    for (name, expected) in [
        ("ShardBytes", settings.shard_bytes),
        ("KeyBytes", settings.key_bytes),
        ("MaxConcurrency", settings.max_concurrency.into()),
    ] {
        assert_eq!(template["Parameters"][name]["Default"], expected, "{name}");
    }
    let memory =
        |function: &str| properties(&template, function)["MemorySize"].as_u64().unwrap() << 20;
    let most_keys = template["Parameters"]["KeyBytes"]["MaxValue"].as_u64().unwrap();
    assert!(
        most_keys <= memory("TransformFunction") / 3
            && most_keys / 4 <= memory("VerifyFunction") / 3,
        "keys must leave room"
    );
}

#[test]
fn outputs_and_parameters_are_explained() {
    let template = template();
    for section in ["Parameters", "Outputs"] {
        for (name, entry) in template[section].as_object().unwrap() {
            assert!(
                entry["Description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{section}: {name}"
            );
        }
    }
}

/// Whether a resource policy denies everything that does not come over TLS.
fn refuses_plain_http(policy: &Value, actions: &str) -> bool {
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    statements.iter().any(|statement| {
        statement["Sid"] == "TlsOnly"
            && statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && statement["Action"] == actions
            && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
    })
}

/// What CloudFront answers as `config.json`: its code with the values of a stack in it.
fn config_of(template: &Value, signs_in: bool) -> Value {
    let code = &properties(template, "SiteConfig")["FunctionCode"];
    let [code, values] = code.as_array().unwrap().as_slice() else { panic!("{code}") };
    let [condition, told, untold] = values["signIn"].as_array().unwrap().as_slice() else {
        panic!("{values}")
    };
    assert_eq!(condition, "SignsIn");
    let sign_in = if signs_in { &told[0] } else { untold };
    let code = code.as_str().unwrap().replace("${signIn}", sign_in.as_str().unwrap());
    let config = between(&code, "data: '", "'").next().unwrap().to_owned();
    serde_json::from_str(&config.replace("${", "{")).unwrap()
}

#[test]
fn the_console_is_told_what_it_reads() {
    let template = template();
    let config = config_of(&template, true);
    assert_eq!(
        config,
        json!({
            "api": "{Door.ApiEndpoint}",
            "signIn": {
                "issuer": "{JwtIssuer}",
                "clientId": "{ConsoleClientId}",
                "scope": "{ConsoleScopes}",
                "audience": "{audience}",
            },
        })
    );
    assert_eq!(config_of(&template, false), json!({"api": "{Door.ApiEndpoint}"}));
    // And its README names all of it.
    let readme = text("console/README.md");
    for key in
        ["api", "signIn", "signIn.issuer", "signIn.clientId", "signIn.scope", "signIn.audience"]
    {
        assert!(readme.contains(&format!("| `{key}` |")), "{key}");
    }
    // What may stand in the text cannot end it.
    for name in ["JwtIssuer", "JwtAudience", "ConsoleClientId", "ConsoleScopes"] {
        let pattern = template["Parameters"][name]["AllowedPattern"].as_str().unwrap();
        let pattern = regex::Regex::new(pattern).unwrap();
        for broken in ["https://a'b", "https://a\"b", "https://a\\b"] {
            assert!(!pattern.is_match(broken), "{name} may be {broken}");
        }
    }
}

//! Calls AWS Glue's catalog: four calls of its JSON protocol.

use async_trait::async_trait;
use aws_clients::{JsonError, JsonService, SdkConfig};
use serde_json::{Value, json};

use crate::{Catalog, Error};

/// What a call that a limit refused is answered, among others.
const BUSY: [&str; 5] = [
    "InternalServiceException",
    "OperationTimeoutException",
    "ResourceNumberLimitExceededException",
    "ResourceNotReadyException",
    "ServiceUnavailableException",
];

/// A database of Glue's catalog.
#[derive(Debug, Clone)]
pub struct Glue {
    service: JsonService,
    database: String,
}

/// The permission of the one call whose message holds values of the data.
const CREATE_PARTITIONS: &str = "glue:BatchCreatePartition";

/// An answer other than success: the name of the error, and its text.
struct Fault {
    name: String,
    text: String,
}

impl Glue {
    /// The database of this name, with the region, the credentials and the endpoint of `config`.
    pub fn new(config: &SdkConfig, database: String) -> Self {
        Self { service: JsonService::new(config, "glue", "AWSGlue"), database }
    }

    /// Does what a permission (`glue:GetTable`) is for. The outer error is one that says nothing of
    /// the table.
    async fn call(
        &self,
        permission: &'static str,
        mut message: Value,
    ) -> Result<Result<Value, Fault>, Error> {
        message["DatabaseName"] = json!(self.database);
        let unavailable = |error: &JsonError| Error::Unavailable(format!("{permission}: {error}"));
        let mut error =
            match self.service.call(permission.trim_start_matches("glue:"), &message).await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(error) => error,
            };
        if let JsonError::Answered { text, .. } = &mut error
            && permission == CREATE_PARTITIONS
        {
            // It may quote the values of a partition.
            "what Glue says of it is not told".clone_into(text);
        }
        if error.is_transient() {
            return Err(unavailable(&error));
        }
        match &error {
            JsonError::Answered { name, text, .. } => match name.as_str() {
                "ConcurrentModificationException" | "AlreadyExistsException" => Err(Error::Changed),
                name if BUSY.contains(&name) => Err(unavailable(&error)),
                "AccessDeniedException" => Err(Error::Refused(format!(
                    "{permission} is not allowed on the database `{}`: {text}",
                    self.database
                ))),
                _ => Ok(Err(Fault { name: name.clone(), text: text.clone() })),
            },
            _ => Err(Error::Refused(format!("{permission}: {error}"))),
        }
    }

    fn refused(&self, permission: &str, fault: &Fault) -> Error {
        Error::Refused(format!(
            "{permission} on the database `{}`: {}: {}",
            self.database, fault.name, fault.text
        ))
    }
}

#[async_trait]
impl Catalog for Glue {
    async fn get_table(&self, name: &str) -> Result<Option<Value>, Error> {
        match self.call("glue:GetTable", json!({"Name": name})).await? {
            Ok(mut answer) => Ok(Some(answer["Table"].take())),
            Err(fault) if fault.name == "EntityNotFoundException" => Ok(None),
            Err(fault) => Err(self.refused("glue:GetTable", &fault)),
        }
    }

    async fn create_table(&self, table: &Value) -> Result<(), Error> {
        let answer = self.call("glue:CreateTable", json!({"TableInput": table})).await?;
        answer.map(drop).map_err(|fault| self.refused("glue:CreateTable", &fault))
    }

    async fn update_table(&self, table: &Value, version: &str) -> Result<(), Error> {
        // Without an archive: a commit is no version of the table's that anybody would go back to.
        let message = json!({"TableInput": table, "VersionId": version, "SkipArchive": true});
        let answer = self.call("glue:UpdateTable", message).await?;
        answer.map(drop).map_err(|fault| self.refused("glue:UpdateTable", &fault))
    }

    async fn create_partitions(&self, table: &str, partitions: &[Value]) -> Result<(), Error> {
        let message = json!({"TableName": table, "PartitionInputList": partitions});
        let answer = self
            .call(CREATE_PARTITIONS, message)
            .await?
            .map_err(|fault| self.refused(CREATE_PARTITIONS, &fault))?;
        let errors =
            answer["Errors"].as_array().into_iter().flatten().map(|error| &error["ErrorDetail"]);
        match errors
            .filter(|error| error["ErrorCode"] != "AlreadyExistsException")
            .collect::<Vec<_>>()
            .as_slice()
        {
            [] => Ok(()),
            [first, rest @ ..] => Err(Error::Unavailable(format!(
                "{} partitions failed in glue:BatchCreatePartition, the first with {}",
                rest.len() + 1,
                first["ErrorCode"].as_str().unwrap_or("an error without a name")
            ))),
        }
    }
}

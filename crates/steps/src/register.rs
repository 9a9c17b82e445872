//! Tells the catalog of a commit, where the deployment has one.

use job::Error;
use job::message::{JobKeys, JobRef, Warning};
use landing::commit::Commit;
use landing::plan::Plan;

use crate::context::contract_of;
use crate::{Context, documents};

/// What a job is warned of whose commit query engines may not see yet.
const NOT_UPDATED: &str = "CatalogNotUpdated";

/// Tells the catalog of a commit. The commit stands whatever comes of it: what goes wrong is what
/// the job is warned of.
pub(crate) async fn register(
    context: &Context,
    keys: &JobKeys,
    message: &JobRef,
    commit: &Commit,
) -> Vec<Warning> {
    match report(context, keys, message, commit).await {
        Ok(()) => Vec::new(),
        Err(error) => {
            let message = format!(
                "the job landed, but the catalog was not told: {error}. The next commit of the dataset tells it of this one too."
            );
            tracing::warn!(name = NOT_UPDATED, message, "the job landed");
            vec![Warning { name: NOT_UPDATED.to_owned(), message }]
        }
    }
}

async fn report(
    context: &Context,
    keys: &JobKeys,
    message: &JobRef,
    commit: &Commit,
) -> Result<(), String> {
    let Some(catalog) = &context.catalog else { return Ok(()) };
    let text = |error: Error| error.to_string();
    let plan: Plan = documents::read(context.work().as_ref(), &keys.plan()).await.map_err(text)?;
    let contract = contract_of(&plan).map_err(text)?;
    let told = catalog::Commit {
        sequence: commit.sequence,
        contract: &contract,
        bucket: &context.lake.bucket,
        prefix: &context.dataset_prefix(&message.dataset),
    };
    let log = context.log(&message.dataset, commit.table);
    catalog::register(catalog.as_ref(), &log, told).await.map_err(|error| error.to_string())
}

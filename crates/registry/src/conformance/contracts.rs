//! Contracts and their versions.

use std::collections::BTreeSet;
use std::sync::Arc;

use job::Datasets;
use job::Intake;

use super::{LATER, NOW, RACERS, Suite, race};
use crate::ContractVersion;

impl Suite {
    pub(super) async fn contracts_are_versioned(&self) {
        let dataset = self.dataset("versions");
        assert_eq!(self.registry.contract(&dataset, None).await, Ok(None));
        assert_eq!(self.versions(&dataset, 10).await, []);

        let mut put = Vec::new();
        for version in 1..=5 {
            let contract =
                self.put_contract(&dataset, &format!("text {version} \u{1F680}\n")).await;
            assert_eq!(
                (contract.version, &contract.dataset, contract.created.as_str()),
                (version, &dataset, NOW)
            );
            put.push(contract);
        }
        let again =
            self.registry.put_contract(&dataset, &put[4].text, &Intake::default(), LATER).await;
        assert_eq!(again.as_ref(), Ok(&put[4]), "the same text is the same version");
        assert_eq!(
            self.registry.contract(&dataset, None).await.as_ref(),
            Ok(&Some(put[4].clone()))
        );
        assert_eq!(
            self.registry.contract(&dataset, Some(2)).await.as_ref(),
            Ok(&Some(put[1].clone()))
        );
        assert_eq!(self.registry.contract(&dataset, Some(6)).await, Ok(None));

        let newest_first: Vec<ContractVersion> =
            put.iter().rev().cloned().map(Into::into).collect();
        for limit in [1, 2, 5, 100] {
            assert_eq!(
                self.versions(&dataset, limit).await,
                newest_first,
                "newest first, {limit} a page"
            );
        }
        let sixth = self.put_contract(&dataset, &put[0].text).await;
        assert_eq!(sixth.version, 6, "only the newest text is compared");
    }

    pub(super) async fn a_deleted_dataset_goes_on_counting(&self) {
        let dataset = self.dataset("deleted");
        assert_eq!(self.registry.delete_dataset(&dataset).await, Ok(false));
        let first = self.put_contract(&dataset, "one").await;
        let second = self.put_contract(&dataset, "two").await;
        assert_eq!(self.registry.delete_dataset(&dataset).await, Ok(true));
        assert_eq!(self.registry.delete_dataset(&dataset).await, Ok(false));

        assert_eq!(self.registry.contract(&dataset, None).await, Ok(None));
        assert_eq!(self.registry.contract(&dataset, Some(2)).await, Ok(Some(second.clone())));
        assert!(
            self.datasets(&Datasets::All, 100).await.iter().all(|listed| listed.dataset != dataset)
        );
        let third = self.put_contract(&dataset, "two").await;
        assert_eq!(third.version, 3);
        assert_eq!(self.registry.contract(&dataset, None).await.as_ref(), Ok(&Some(third.clone())));
        assert_eq!(self.versions(&dataset, 2).await, [third, second, first].map(Into::into));
    }

    pub(super) async fn datasets_are_listed_by_name(&self) {
        let mut newest = Vec::new();
        for name in ["list_b", "list_a", "list_a1", "list_c"] {
            self.put_contract(&self.dataset(name), "old").await;
            newest.push(ContractVersion::from(self.put_contract(&self.dataset(name), "new").await));
        }
        newest.sort_by(|a, b| a.dataset.cmp(&b.dataset));
        let list = format!("{}_list", self.prefix);
        for limit in [1, 3, 100] {
            let all = self.datasets(&Datasets::All, limit).await;
            assert!(all.is_sorted_by(|a, b| a.dataset < b.dataset), "by name, each once");
            let ours: Vec<_> = all
                .into_iter()
                .filter(|contract| contract.dataset.as_str().starts_with(&list))
                .collect();
            assert_eq!(ours, newest, "{limit} a page");
            // Those in between are passed over.
            let some = self.datasets(&self.some("list_c", "list_a"), limit).await;
            assert_eq!(some, [0, 1, 3].map(|at| newest[at].clone()), "{limit} a page");
        }
    }

    pub(super) async fn long_contracts_are_kept_whole(&self) {
        let dataset = self.dataset("long");
        // What JSON has to escape, what UTF-8 has several bytes for, and lengths around those at
        // which a text is cut.
        let most = job::limits::CONTRACT_BYTES;
        let mut put = Vec::new();
        for text in [
            "\\".repeat(250_000),
            "\u{1F680}é\"\n".repeat(100_000),
            "a".repeat(most),
            "\\".repeat(most),
            format!("x{}", "é".repeat(most / 2 - 1)),
            "short".to_owned(),
        ] {
            let contract = self.put_contract(&dataset, &text).await;
            assert_eq!(
                self.registry.contract(&dataset, None).await.as_ref(),
                Ok(&Some(contract.clone()))
            );
            let again =
                self.registry.put_contract(&dataset, &text, &Intake::default(), LATER).await;
            assert_eq!(again.as_ref(), Ok(&contract), "the same text is the same version");
            assert!(contract.text == text);
            put.push(contract);
        }
        for contract in &put {
            assert_eq!(
                self.registry.contract(&dataset, Some(contract.version)).await.as_ref(),
                Ok(&Some(contract.clone()))
            );
        }
        let newest_first: Vec<ContractVersion> =
            put.iter().rev().cloned().map(Into::into).collect();
        assert_eq!(self.versions(&dataset, 4).await, newest_first);
        assert_eq!(self.registry.delete_dataset(&dataset).await, Ok(true));
        assert_eq!(
            self.registry.contract(&dataset, Some(3)).await.as_ref(),
            Ok(&Some(put[2].clone())),
            "versions outlive the deletion"
        );

        let raced = race(|_| {
            let (registry, dataset, text) =
                (Arc::clone(&self.registry), dataset.clone(), "z\n".repeat(300_000));
            async move { registry.put_contract(&dataset, &text, &Intake::default(), NOW).await }
        })
        .await;
        for contract in raced {
            assert_eq!(
                contract.expect("a version").version,
                put.len() as u32 + 1,
                "one text has one version"
            );
        }
    }

    pub(super) async fn racing_contracts_leave_no_gap(&self) {
        let dataset = self.dataset("race");
        let put = |text: String| {
            let (registry, dataset) = (Arc::clone(&self.registry), dataset.clone());
            async move { registry.put_contract(&dataset, &text, &Intake::default(), NOW).await }
        };
        let put_all = race(|racer| put(format!("text {racer}"))).await;
        let versions: BTreeSet<u32> =
            put_all.into_iter().map(|contract| contract.expect("a version").version).collect();
        assert_eq!(versions, (1..=RACERS as u32).collect(), "each text has a version of its own");

        let same = race(|_| put("the same".to_owned())).await;
        for contract in same {
            assert_eq!(
                contract.expect("a version").version,
                RACERS as u32 + 1,
                "one text has one version"
            );
        }
        let newest =
            self.registry.contract(&dataset, None).await.expect("an answer").expect("a contract");
        assert_eq!((newest.version, newest.text.as_str()), (RACERS as u32 + 1, "the same"));
        assert_eq!(self.versions(&dataset, 7).await.len(), RACERS + 1);
    }
}

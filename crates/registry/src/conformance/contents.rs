//! What was loaded.

use std::sync::Arc;

use job::message::SourceRef;

use super::{NOW, Suite, race};
use crate::{Error, Newest};

impl Suite {
    pub(super) async fn contents_belong_to_one_job(&self) {
        let (dataset, elsewhere) = (self.dataset("contents"), self.dataset("elsewhere"));
        let (one, two) = (self.job_id("claim-one"), self.job_id("claim-two"));
        let (a, b) = (vec!["12:a".to_owned()], vec!["34:b #/é".to_owned()]);
        let registry = &self.registry;
        assert_eq!(registry.loaded(&dataset, &a).await, Ok(None));
        assert_eq!(registry.claim(&dataset, &[], &one, false).await, Ok(None));
        assert_eq!(registry.claim(&dataset, &a, &one, false).await, Ok(None));
        assert_eq!(registry.claim(&dataset, &a, &one, false).await, Ok(None), "again is a success");
        assert_eq!(
            registry.loaded(&dataset, &[b.clone(), a.clone()].concat()).await,
            Ok(Some(one.clone()))
        );
        assert_eq!(registry.loaded(&dataset, &b).await, Ok(None));
        assert_eq!(registry.loaded(&elsewhere, &a).await, Ok(None), "datasets are apart");
        assert_eq!(registry.claim(&dataset, &a, &two, false).await, Ok(Some(one.clone())));

        registry.release(&dataset, &a, &two).await.expect("nothing to release");
        assert_eq!(
            registry.loaded(&dataset, &a).await,
            Ok(Some(one.clone())),
            "only the owner gives up"
        );
        assert_eq!(registry.claim(&dataset, &a, &two, true).await, Ok(None), "force takes over");
        assert_eq!(registry.loaded(&dataset, &a).await, Ok(Some(two.clone())));
        registry.release(&dataset, &a, &one).await.expect("nothing to release");
        assert_eq!(registry.loaded(&dataset, &a).await, Ok(Some(two.clone())));
        registry.release(&dataset, &[a.clone(), b.clone()].concat(), &two).await.expect("released");
        registry.release(&dataset, &a, &two).await.expect("again is a success");
        assert_eq!(registry.claim(&dataset, &a, &one, false).await, Ok(None), "given up is free");
    }

    pub(super) async fn contents_are_claimed_all_or_none(&self) {
        let dataset = self.dataset("together");
        let (one, two) = (self.job_id("claim-one"), self.job_id("claim-two"));
        let [a, b, c] = ["a", "b", "c"].map(str::to_owned);
        let registry = &self.registry;
        assert_eq!(registry.claim(&dataset, std::slice::from_ref(&b), &one, false).await, Ok(None));
        let all = [a.clone(), b.clone(), b.clone(), c.clone()];
        assert_eq!(registry.claim(&dataset, &all, &two, false).await, Ok(Some(one.clone())));
        assert_eq!(
            registry.loaded(&dataset, &[a.clone(), c.clone()]).await,
            Ok(None),
            "nothing is claimed"
        );
        assert_eq!(
            registry.claim(&dataset, &all, &one, false).await,
            Ok(None),
            "what is claimed already is no obstacle"
        );
        assert_eq!(
            registry.loaded(&dataset, std::slice::from_ref(&c)).await,
            Ok(Some(one.clone()))
        );
        assert_eq!(registry.claim(&dataset, &all, &two, true).await, Ok(None));
        registry.release(&dataset, &all, &one).await.expect("nothing to release");
        for content in [a, b, c] {
            assert_eq!(registry.loaded(&dataset, &[content]).await, Ok(Some(two.clone())));
        }
        let many: Vec<String> =
            (0..crate::MAX_CONTENTS).map(|content| format!("many {content}")).collect();
        assert_eq!(registry.claim(&dataset, &many, &one, false).await, Ok(None));
        let too_many = [many, vec!["one more".to_owned()]].concat();
        assert!(matches!(
            registry.claim(&dataset, &too_many, &one, false).await,
            Err(Error::Impossible(_))
        ));
    }

    pub(super) async fn racing_claims_have_one_winner(&self) {
        let dataset = self.dataset("claims");
        for round in 0..5 {
            let answers = race(|racer| {
                let (registry, dataset) = (Arc::clone(&self.registry), dataset.clone());
                let job = self.job_id(&format!("claim-{racer}"));
                // Half of them name the contents in the other order.
                let mut contents = vec![format!("{round} a"), format!("{round} b")];
                contents.rotate_left(racer % 2);
                async move {
                    (
                        job.clone(),
                        registry.claim(&dataset, &contents, &job, false).await.expect("an answer"),
                    )
                }
            })
            .await;
            let winners: Vec<_> = answers
                .iter()
                .filter(|(_, other)| other.is_none())
                .map(|(job, _)| job.clone())
                .collect();
            assert_eq!(winners.len(), 1, "{answers:?}");
            assert!(
                answers
                    .iter()
                    .filter_map(|(_, other)| other.as_ref())
                    .all(|other| *other == winners[0]),
                "{answers:?}"
            );
            for content in ["a", "b"] {
                assert_eq!(
                    self.registry.loaded(&dataset, &[format!("{round} {content}")]).await,
                    Ok(Some(winners[0].clone()))
                );
            }
        }
    }

    pub(super) async fn the_newest_version_is_set_by_whoever_saw_the_last_one(&self) {
        let (dataset, elsewhere) = (self.dataset("newest"), self.dataset("elsewhere"));
        let newest = |version: &str| {
            let job = self.new_job("newest", &format!("newest-{version}"), NOW).submission;
            Newest {
                source: SourceRef {
                    version: Some(version.to_owned()),
                    ..Self::object_of("newest")
                },
                job: job.job,
            }
        };
        let (one, two, three) = (newest("1"), newest("2"), newest("3"));
        let (registry, place) = (&self.registry, one.source.place());
        assert_eq!(registry.newest(&dataset, &place).await, Ok(None));
        assert_eq!(
            registry.set_newest(&dataset, Some(&one), &two).await,
            Ok(false),
            "there is none yet"
        );
        assert_eq!(registry.set_newest(&dataset, None, &one).await, Ok(true));
        assert_eq!(
            registry.set_newest(&dataset, None, &two).await,
            Ok(false),
            "there is one already"
        );
        assert_eq!(registry.set_newest(&dataset, Some(&one), &two).await, Ok(true));
        assert_eq!(
            registry.set_newest(&dataset, Some(&one), &three).await,
            Ok(false),
            "it is another one by now"
        );
        assert_eq!(registry.newest(&dataset, &place).await, Ok(Some(two)));
        assert_eq!(registry.newest(&elsewhere, &place).await, Ok(None), "datasets are apart");
        assert_eq!(
            registry.newest(&dataset, "inbox/other.csv").await,
            Ok(None),
            "and so are objects"
        );
    }
}

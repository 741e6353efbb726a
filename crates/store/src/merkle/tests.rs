//! Proofs that are made are proofs that verify, for all small trees.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::*;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// The definition of RFC 6962 section 2.1.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            node_hash(&root(left), &root(right))
        }
    }
}

fn hash(leaves: &[Hash], range: &Range<u64>) -> Hash {
    let peaks: Vec<Hash> = decompose(range)
        .into_iter()
        .map(|node| {
            let start = (node.index << node.level) as usize;
            fold(leaves[start..start + (1 << node.level)].to_vec()).unwrap()
        })
        .collect();
    bag(&peaks)
}

#[test]
fn the_frontier_has_the_root_of_the_definition() {
    let all = leaves(600);
    let (mut frontier, mut stored) = (Frontier::default(), Vec::new());
    for (count, leaf) in all.iter().enumerate() {
        assert_eq!(frontier.root(), root(&all[..count]));
        frontier.push(*leaf, |node, hash| stored.push((node, hash)));
    }
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[1], (Node { level: 8, index: 1 }, root(&all[256..512])));
    assert_eq!(hash(&all, &(0..600)), frontier.root());
}

#[test]
fn made_proofs_verify_and_no_other_place_does() {
    let all = leaves(70);
    for size in 1..70u64 {
        let tree = root(&all[..size as usize]);
        for index in 0..size {
            let proof: Vec<Hash> = inclusion_ranges(index, size).iter().map(|range| hash(&all, range)).collect();
            let leaf = all[index as usize];
            verify_inclusion(index, size, &leaf, &proof, &tree).unwrap();
            assert!(verify_inclusion(index + 1, size, &leaf, &proof, &tree).is_err());
            let prefix = root(&all[..=index as usize]);
            let proof: Vec<Hash> =
                consistency_ranges(0, index + 1, size).iter().map(|range| hash(&all, range)).collect();
            verify_consistency(index + 1, size, &proof, &prefix, &tree).unwrap();
            assert!(verify_consistency(index + 1, size, &proof, &leaf_hash(b"other"), &tree).is_err());
        }
    }
}

#[test]
fn made_subtree_proofs_verify() {
    let all = leaves(40);
    for size in 1..40u64 {
        let tree = root(&all[..size as usize]);
        for start in 0..size {
            for end in start + 1..=size {
                if !is_subtree(start, end) {
                    continue;
                }
                let proof: Vec<Hash> =
                    consistency_ranges(start, end, size).iter().map(|range| hash(&all, range)).collect();
                let subtree = root(&all[start as usize..end as usize]);
                verify_subtree_consistency(start, end, size, &proof, &subtree, &tree).unwrap();
            }
        }
    }
}

#[test]
fn a_stored_node_is_found_at_every_eighth_level() {
    assert_eq!(Node { level: 3, index: 5 }.stored(), (0, 40..48));
    assert_eq!(Node { level: 8, index: 5 }.stored(), (8, 5..6));
    assert_eq!(Node { level: 10, index: 1 }.stored(), (8, 4..8));
}

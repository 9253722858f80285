-- By which process a decision is seen to, and until when (ledger.Sharer).
ALTER TABLE decisions
    ADD COLUMN shared_by    text,
    ADD COLUMN shared_until text COLLATE "C";

//! The tables, once for both databases. `tests/it/schema.rs` compares this with what the migrations make.

#![expect(missing_docs, reason = "the columns are documented by their migrations")]

diesel::table! {
    instance (id) {
        id -> Text,
        created_at -> Timestamp,
        retired_at -> Nullable<Timestamp>,
        compacted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    instance_roots (version, root_label) {
        version -> Integer,
        root_label -> Text,
        check_value -> Text,
        wrapped -> Binary,
        state -> Text,
        created_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
        retired_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    workspaces (id) {
        id -> Text,
        slug -> Text,
        name -> Text,
        settings -> Text,
        created_at -> Timestamp,
        deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    workspace_keys (workspace_id, version) {
        workspace_id -> Text,
        version -> Integer,
        wrapped -> Binary,
        state -> Text,
        created_at -> Timestamp,
        retired_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        email_key -> Text,
        email -> Text,
        name -> Text,
        password_hash -> Text,
        theme -> Text,
        shortcuts -> Bool,
        totp_sealed -> Nullable<Binary>,
        totp_last_step -> Nullable<BigInt>,
        disabled_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    memberships (workspace_id, user_id) {
        workspace_id -> Text,
        user_id -> Text,
        role -> Text,
        reason -> Text,
        expires_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    invitations (workspace_id, id) {
        workspace_id -> Text,
        id -> Text,
        email_key -> Text,
        email -> Text,
        role -> Text,
        token_hash -> Text,
        invited_by -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        accepted_at -> Nullable<Timestamp>,
        withdrawn_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    password_resets (token_hash) {
        token_hash -> Text,
        user_id -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    email_changes (user_id) {
        user_id -> Text,
        token_hash -> Text,
        email -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    devices (user_id, id) {
        user_id -> Text,
        id -> Text,
        seen_at -> Timestamp,
    }
}

diesel::table! {
    recovery_codes (user_id, code_hash) {
        user_id -> Text,
        code_hash -> Text,
    }
}

diesel::table! {
    passkeys (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
        public_key -> Text,
        created_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    steps (id) {
        id -> Text,
        purpose -> Text,
        user_id -> Nullable<Text>,
        state -> Text,
        tries -> Integer,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        created_at -> Timestamp,
        auth_at -> Timestamp,
        seen_at -> Timestamp,
        address -> Text,
        agent -> Text,
        state -> Text,
    }
}

diesel::table! {
    sign_in_attempts (bucket) {
        bucket -> Text,
        failures -> Integer,
        day_failures -> Integer,
        day_from -> Timestamp,
        open_at -> Timestamp,
        touched_at -> Timestamp,
    }
}

diesel::table! {
    outbox (id) {
        id -> Text,
        workspace_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
        kind -> Text,
        recipient -> Text,
        sealed -> Nullable<Binary>,
        state -> Text,
        attempts -> Integer,
        next_at -> Timestamp,
        expires_at -> Timestamp,
        problem -> Text,
        created_at -> Timestamp,
        settled_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    credentials (workspace_id, id) {
        workspace_id -> Text,
        id -> Text,
        handle -> Text,
        name -> Text,
        name_key -> Text,
        integration -> Text,
        method -> Text,
        environment -> Text,
        description -> Text,
        tags -> Text,
        place -> Text,
        badge -> Text,
        status -> Text,
        outcome -> Text,
        code -> Text,
        hint -> Text,
        identity -> Text,
        checked_at -> Nullable<Timestamp>,
        good_at -> Nullable<Timestamp>,
        next_check_at -> Nullable<Timestamp>,
        expires_at -> Nullable<Timestamp>,
        live_version -> BigInt,
        revision -> BigInt,
        suspended_at -> Nullable<Timestamp>,
        deleted_at -> Nullable<Timestamp>,
        deleted_by -> Text,
        created_at -> Timestamp,
        created_by -> Text,
        last_used_at -> Timestamp,
        suspended_until -> Nullable<Timestamp>,
        suspended_from -> Nullable<Text>,
    }
}

diesel::table! {
    credential_words (workspace_id, credential_id, word) {
        workspace_id -> Text,
        credential_id -> Text,
        word -> Text,
    }
}

diesel::table! {
    credential_counts (workspace_id, status) {
        workspace_id -> Text,
        status -> Text,
        n -> BigInt,
    }
}

diesel::table! {
    credential_versions (workspace_id, credential_id, version) {
        workspace_id -> Text,
        credential_id -> Text,
        version -> BigInt,
        config -> Text,
        secret_names -> Text,
        destination -> Text,
        sealed -> Nullable<Binary>,
        key_version -> Integer,
        state -> Text,
        created_at -> Timestamp,
        created_by -> Text,
        retire_at -> Nullable<Timestamp>,
        promote_at -> Nullable<Timestamp>,
        standing -> Nullable<Text>,
    }
}

diesel::table! {
    credential_fingerprints (workspace_id, fingerprint, credential_id) {
        workspace_id -> Text,
        fingerprint -> Text,
        credential_id -> Text,
    }
}

diesel::table! {
    credential_checks (workspace_id, credential_id, id) {
        workspace_id -> Text,
        credential_id -> Text,
        id -> Text,
        at -> Timestamp,
        cause -> Text,
        outcome -> Text,
        code -> Text,
        hint -> Text,
        steps -> Text,
        ms -> Integer,
    }
}

diesel::table! {
    bots (workspace_id, id) {
        workspace_id -> Text,
        id -> Text,
        name -> Text,
        name_key -> Text,
        description -> Text,
        published_at -> Nullable<Timestamp>,
        revision -> BigInt,
        created_at -> Timestamp,
        created_by -> Text,
        deleted_at -> Nullable<Timestamp>,
        deleted_by -> Text,
    }
}

diesel::table! {
    blocks (workspace_id, id) {
        workspace_id -> Text,
        id -> Text,
        bot_id -> Text,
        key -> Text,
        label -> Text,
        integration -> Text,
        credential_id -> Nullable<Text>,
        position -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    credential_uses (workspace_id, credential_id, bot_id) {
        workspace_id -> Text,
        credential_id -> Text,
        bot_id -> Text,
        last_at -> Nullable<Timestamp>,
        count -> BigInt,
        last_denied_at -> Nullable<Timestamp>,
        denied -> BigInt,
    }
}

diesel::table! {
    bot_tokens (workspace_id, id) {
        workspace_id -> Text,
        id -> Text,
        bot_id -> Nullable<Text>,
        name -> Text,
        prefix -> Text,
        digest -> Text,
        scopes -> Text,
        every_block -> Bool,
        networks -> Text,
        created_at -> Timestamp,
        created_by -> Text,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
        revoked_by -> Text,
        leaked_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
        replaced_by -> Nullable<Text>,
        shown -> Nullable<Binary>,
        shown_until -> Nullable<Timestamp>,
        warn_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    bot_token_credentials (workspace_id, token_id, credential_id) {
        workspace_id -> Text,
        token_id -> Text,
        credential_id -> Text,
    }
}

diesel::table! {
    oauth_apps (workspace_id, integration, client) {
        workspace_id -> Text,
        integration -> Text,
        client -> Text,
        revision -> BigInt,
        config -> Text,
        secret_names -> Text,
        sealed -> Binary,
        key_version -> Integer,
        updated_at -> Timestamp,
        updated_by -> Text,
    }
}

diesel::table! {
    oauth_flows (workspace_id, id) {
        workspace_id -> Text,
        id -> Text,
        kind -> Text,
        stage -> Text,
        credential_id -> Text,
        integration -> Text,
        method -> Text,
        user_id -> Text,
        session -> Text,
        state_hash -> Text,
        round -> BigInt,
        sealed -> Nullable<Binary>,
        key_version -> Integer,
        report -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    oauth_grants (workspace_id, credential_id) {
        workspace_id -> Text,
        credential_id -> Text,
        serial -> BigInt,
        sealed -> Binary,
        key_version -> Integer,
        asked -> Text,
        granted -> Text,
        renewable -> Bool,
        expires_at -> Nullable<Timestamp>,
        refresh_at -> Nullable<Timestamp>,
        ends_at -> Nullable<Timestamp>,
        connected_at -> Timestamp,
        connected_by -> Text,
        refreshed_at -> Nullable<Timestamp>,
        failures -> Integer,
        lease_until -> Nullable<Timestamp>,
        fence -> BigInt,
    }
}

diesel::table! {
    audit_heads (chain) {
        chain -> Text,
        seq -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    audit_events (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        at -> Timestamp,
        request_id -> Text,
        actor_kind -> Text,
        actor_id -> Text,
        session -> Text,
        address -> Text,
        agent -> Text,
        action -> Text,
        target_kind -> Text,
        target_id -> Text,
        outcome -> Text,
        code -> Text,
        details -> Text,
        prev_hash -> Binary,
        hash -> Binary,
        mac -> Binary,
        mac_key -> Integer,
    }
}

diesel::table! {
    audit_proofs (chain) {
        chain -> Text,
        seq -> BigInt,
        hash -> Binary,
        at -> Timestamp,
        again_seq -> BigInt,
        again_hash -> Binary,
        whole_seq -> BigInt,
        whole_at -> Nullable<Timestamp>,
        fault_seq -> Nullable<BigInt>,
        fault -> Text,
        mac -> Binary,
        mac_key -> Integer,
    }
}

diesel::table! {
    audit_summaries (chain) {
        chain -> Text,
        note -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    instance,
    instance_roots,
    workspaces,
    workspace_keys,
    users,
    memberships,
    invitations,
    password_resets,
    email_changes,
    devices,
    recovery_codes,
    passkeys,
    steps,
    sessions,
    sign_in_attempts,
    outbox,
    credentials,
    credential_words,
    credential_counts,
    credential_versions,
    credential_fingerprints,
    credential_checks,
    bots,
    blocks,
    credential_uses,
    bot_tokens,
    bot_token_credentials,
    oauth_apps,
    oauth_flows,
    oauth_grants,
    audit_heads,
    audit_events,
    audit_proofs,
    audit_summaries,
);

diesel::allow_columns_to_appear_in_same_group_by_clause!(credentials::workspace_id, workspaces::settings,);

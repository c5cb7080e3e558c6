DROP TABLE bot_token_credentials;
DROP TABLE bot_tokens;

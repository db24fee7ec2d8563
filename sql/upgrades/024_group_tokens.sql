-- Tokens of groups: empty for those of users.
ALTER TABLE api_tokens ADD COLUMN /*! IF NOT EXISTS */ group_name VARCHAR(255) NOT NULL DEFAULT '';

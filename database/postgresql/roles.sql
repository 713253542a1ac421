-- For a superuser, once per cluster, when the user that migrates may not create roles (0002_roles.up.sql makes them
-- otherwise). Grants are the migrations' work.
CREATE ROLE px_agg NOLOGIN;
CREATE ROLE px_api NOLOGIN;
CREATE ROLE px_raw NOLOGIN;
CREATE ROLE px_operator NOLOGIN;
CREATE ROLE px_retention NOLOGIN;
CREATE ROLE px_verify NOLOGIN;
CREATE ROLE px_eraser NOLOGIN;

-- Pages of the endpoints of some organisations, and the audit log of one object.
CREATE INDEX endpoints_by_organisation ON endpoints (organisation, id);
CREATE INDEX audit_by_subject ON audit (subject, number);

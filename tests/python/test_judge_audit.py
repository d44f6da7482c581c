"""The judge of audit messages sees what is wrong with one."""

import unittest
import xml.etree.ElementTree as ElementTree

import judge_audit

CODE = 'codeSystemName="DCM" originalText'
GOOD = (
    '<AuditMessage><EventIdentification EventActionCode="E" EventDateTime="2026-11-25T14:02:03.123Z" EventOutcomeIndicator="4">'
    f'<EventID csd-code="110113" {CODE}="Security Alert"/><EventTypeCode csd-code="110126" {CODE}="Node Authentication"/>'
    '</EventIdentification><ActiveParticipant UserID="7" UserIsRequestor="false"/>'
    '<AuditSourceIdentification AuditSourceID="X"/>'
    '<ParticipantObjectIdentification ParticipantObjectID="192.0.2.1" ParticipantObjectTypeCode="2">'
    f'<ParticipantObjectIDTypeCode csd-code="110182" {CODE}="Node ID"/><ParticipantObjectName/>'
    '<ParticipantObjectDetail type="Alert Description" value="eA=="/></ParticipantObjectIdentification></AuditMessage>'
)


def faults(text):
    found = []
    root = ElementTree.fromstring(text)
    judge_audit.structure(root, found)
    if not found:
        judge_audit.message(root, True, found)
    return found


class Judge(unittest.TestCase):
    def test_a_good_message_passes(self):
        self.assertEqual(faults(GOOD), [])

    def test_each_change_is_seen(self):
        for old, new in [
            ('EventDateTime="2026-11-25T14:02:03.123Z"', 'EventDateTime="2026-11-25 14:02"'),
            ("2026-11-25T14:02:03.123Z", "2026-11-25T14:02:03.123"),
            ('EventActionCode="E"', 'EventActionCode="C"'),
            ('EventOutcomeIndicator="4"', 'EventOutcomeIndicator="5"'),
            ('"Security Alert"', '"Alert"'),
            ("<ParticipantObjectName/>", ""),
            ("<ParticipantObjectName/>", "<ParticipantObjectName>Doe^Jane</ParticipantObjectName>"),
            ('UserIsRequestor="false"', ""),
            ('UserID="7"', 'UserID="7" Role="x"'),
            ('<AuditSourceIdentification AuditSourceID="X"/>', ""),
            ("110126", "110120"),
            ("110182", "110180"),
            ("<AuditMessage>", "<AuditMessage>text"),
            ("<ActiveParticipant", '<Extra/><ActiveParticipant'),
            ('value="eA=="', 'value="plain text"'),
        ]:
            self.assertIn(old, GOOD)
            self.assertNotEqual(faults(GOOD.replace(old, new)), [], new)


if __name__ == "__main__":
    unittest.main()

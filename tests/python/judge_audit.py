#!/usr/bin/env python3
"""Judges audit messages, one a line, by the schema of PS3.15 A.5.1 and by the tables of A.5.3.

    judge_audit.py [--no-patient] FILE     prints one JSON object a message; exit 1 with all that is wrong

Written from the standard's text alone; reads XML by the parser of Python's standard library.
"""

import argparse
import base64
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

TOKEN, TEXT = r"\S(?:.*\S)?|", r"(?s:.*)"
UID = r"[0-2](?:\.(?:0|[1-9]\d*))*|"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
BOOLEAN = "true|false|0|1"
CODED = ({"csd-code": TOKEN, "codeSystemName": TOKEN, "originalText": TOKEN}, {"displayName": TOKEN}, "")

# Element → attributes that must be there, attributes that may, and the order of what is within it.
SCHEMA = {
    "AuditMessage": ({}, {}, "EventIdentification (ActiveParticipant )+AuditSourceIdentification (ParticipantObjectIdentification )*"),
    "EventIdentification": (
        {"EventDateTime": TIME, "EventOutcomeIndicator": "0|4|8|12"}, {"EventActionCode": "[CRUDE]"},
        "EventID (EventTypeCode )*(EventOutcomeDescription )?"),
    "EventID": CODED, "EventTypeCode": CODED, "RoleIDCode": CODED, "MediaType": CODED, "ParticipantObjectIDTypeCode": CODED,
    "EventOutcomeDescription": ({}, {}, None),
    "ActiveParticipant": (
        {"UserID": TEXT, "UserIsRequestor": BOOLEAN},
        {"AlternativeUserID": TEXT, "UserName": TEXT, "NetworkAccessPointID": TOKEN, "NetworkAccessPointTypeCode": "[1-5]"},
        "(RoleIDCode )*(MediaIdentifier )?"),
    "MediaIdentifier": ({}, {}, "MediaType "),
    "AuditSourceIdentification": ({"AuditSourceID": TOKEN}, {"AuditEnterpriseSiteID": TOKEN}, "(AuditSourceTypeCode )*"),
    "AuditSourceTypeCode": ({"csd-code": TOKEN}, {"codeSystemName": TOKEN, "displayName": TOKEN, "originalText": TOKEN}, ""),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID": TOKEN},
        {"ParticipantObjectTypeCode": "[1-4]", "ParticipantObjectTypeCodeRole": "[1-9]|1[0-9]|2[0-6]",
         "ParticipantObjectDataLifeCycle": "[1-9]|1[0-5]", "ParticipantObjectSensitivity": TOKEN},
        "ParticipantObjectIDTypeCode (ParticipantObjectName |ParticipantObjectQuery )"
        "(ParticipantObjectDetail )*(ParticipantObjectDescription )*"),
    "ParticipantObjectName": ({}, {}, None),
    "ParticipantObjectQuery": ({}, {}, None),
    "ParticipantObjectDetail": ({"type": TOKEN, "value": r"[A-Za-z0-9+/]*={0,2}"}, {}, ""),
    "ParticipantObjectDescription": (
        {}, {}, "(MPPS )*(Accession )*(SOPClass )*(ParticipantObjectContainsStudy )?(Encrypted )?(Anonymized )?"),
    "MPPS": ({"UID": UID}, {}, ""),
    "Accession": ({"Number": TOKEN}, {}, ""),
    "SOPClass": ({"NumberOfInstances": r"\d+"}, {"UID": UID}, "(Instance )*"),
    "Instance": ({"UID": UID}, {}, ""),
    "ParticipantObjectContainsStudy": ({}, {}, "(StudyIDs )*"),
    "StudyIDs": ({"UID": UID}, {}, ""),
    "Encrypted": ({}, {}, None), "Anonymized": ({}, {}, None),
}

# PS3.16 CID 403, as far as A.5.3.11 names it.
ALERTS = {str(code) for code in range(110126, 110138)}
# Event → its meaning, its action codes, its types, its roles, whether it names studies and one patient.
EVENTS = {
    "110100": ("Application Activity", "E", {"110120", "110121"}, ["110150"], False),
    "110102": ("Begin Transferring DICOM Instances", "E", None, ["110152", "110153"], True),
    "110103": ("DICOM Instances Accessed", "CRUD", None, [], True),
    "110104": ("DICOM Instances Transferred", "CRU", None, ["110152", "110153"], True),
    "110113": ("Security Alert", "E", ALERTS, [], False),
}


def structure(element, faults):
    """The schema."""
    rule = SCHEMA.get(element.tag)
    if rule is None:
        faults.append(f"{element.tag} is not of the schema")
        return
    must, may, content = rule
    for name, pattern in must.items():
        if name not in element.attrib:
            faults.append(f"{element.tag} has no {name}")
    for name, value in element.attrib.items():
        pattern = must.get(name) or may.get(name)
        if pattern is None:
            faults.append(f"{element.tag} has {name}, which is not of the schema")
        elif not re.fullmatch(pattern, value):
            faults.append(f"{element.tag}: {name} is {value!r}")
    if content is None:
        if len(element):
            faults.append(f"{element.tag} has elements within it")
        return
    children = "".join(f"{child.tag} " for child in element)
    if not re.fullmatch(content, children):
        faults.append(f"{element.tag} holds {children or 'nothing'}")
    if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
        faults.append(f"{element.tag} has text within it")
    for child in element:
        structure(child, faults)


def code(element):
    return element.get("csd-code")


def message(root, names_patient, faults):
    """The tables of A.5.3. Gives what the message says."""
    event = root.find("EventIdentification")
    identity, kind = event.find("EventID"), event.find("EventTypeCode")
    meaning, actions, kinds, roles, names_studies = EVENTS.get(code(identity), (None, "", None, [], False))
    if meaning != identity.get("originalText") or identity.get("codeSystemName") != "DCM":
        faults.append(f"EventID is {identity.attrib}")
    if event.get("EventActionCode") not in list(actions):
        faults.append(f"{meaning} with action {event.get('EventActionCode')}")
    if kinds is not None and (kind is None or code(kind) not in kinds):
        faults.append(f"{meaning} without a type of its own")
    participants = root.findall("ActiveParticipant")
    played = sorted(code(role) for each in participants for role in each.findall("RoleIDCode"))
    if played != roles:
        faults.append(f"{meaning} with the roles {played}")
    if sum(each.get("UserIsRequestor") == "true" for each in participants) > 1:
        faults.append("more than one requestor")
    for each in participants:
        if ("NetworkAccessPointID" in each.attrib) != ("NetworkAccessPointTypeCode" in each.attrib):
            faults.append("a network access point without its type, or the other way round")
        if not re.fullmatch(r"AETITLES=[^;]+(;[^;]+)*", each.get("AlternativeUserID", "AETITLES=X")):
            faults.append(f"AlternativeUserID is {each.get('AlternativeUserID')!r}")
    said = {
        "event": meaning, "kind": kind.get("originalText") if kind is not None else None,
        "action": event.get("EventActionCode"), "outcome": event.get("EventOutcomeIndicator"),
        "description": event.findtext("EventOutcomeDescription"), "time": event.get("EventDateTime"),
        "source": root.find("AuditSourceIdentification").attrib,
        "titles": [each.get("AlternativeUserID", "").removeprefix("AETITLES=") for each in participants],
        "places": [each.get("NetworkAccessPointID") for each in participants],
        "patients": [], "studies": {}, "alerts": [],
    }
    for each in root.findall("ParticipantObjectIdentification"):
        id_type = each.find("ParticipantObjectIDTypeCode")
        kinds = each.get("ParticipantObjectTypeCode"), each.get("ParticipantObjectTypeCodeRole")
        key = code(id_type), id_type.get("codeSystemName")
        if key == ("110180", "DCM") and kinds == ("2", "3"):
            classes = each.findall("ParticipantObjectDescription/SOPClass")
            said["studies"][each.get("ParticipantObjectID")] = {
                one.get("UID"): int(one.get("NumberOfInstances")) for one in classes}
            if not classes:
                faults.append("a study without SOP classes")
        elif key == ("2", "RFC-3881") and kinds == ("1", "1"):
            said["patients"].append(each.get("ParticipantObjectID"))
        elif key == ("110182", "DCM") and kinds[0] == "2":
            details = {one.get("type"): one.get("value") for one in each.findall("ParticipantObjectDetail")}
            said["alerts"].append(base64.b64decode(details["Alert Description"]).decode())
        else:
            faults.append(f"a participant object of {key} {kinds}")
        if each.findtext("ParticipantObjectName"):
            faults.append("a name is given")
    wanted = 1 if names_studies and names_patient else 0
    if len(said["patients"]) != wanted or names_studies != bool(said["studies"]):
        faults.append(f"{meaning} with {len(said['patients'])} patients and {len(said['studies'])} studies")
    return said


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--no-patient", action="store_true")
    arguments.add_argument("file")
    arguments = arguments.parse_args()
    faults = []
    with open(arguments.file, encoding="utf-8") as lines:
        for number, line in enumerate(lines.read().split("\n")[:-1], 1):
            found = []
            try:
                root = ElementTree.fromstring(line)
                structure(root, found)
                if not found:
                    print(json.dumps(message(root, not arguments.no_patient, found)))
            except ElementTree.ParseError as error:
                found.append(str(error))
            faults += [f"line {number}: {fault}" for fault in found]
    print("\n".join(faults), file=sys.stderr)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

// A Storage Commitment SCU built on DCMTK's own classes (PS3.4 Annex J): asks over an association, keeps it open, and waits for the
// report over the same one.
//
//     commit_scu PORT CALLED-AE-TITLE SOP-CLASS:SOP-INSTANCE...
//
// Prints «status HHHH» of the N-ACTION response, «event N» of the report, and a line for each instance: «committed UID» or
// «failed UID HHHH». Ends with 1 when no report comes.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/scu.h>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

const int SECONDS = 30;

bool fails(const OFCondition &condition, const char *what)
{
    if (condition.good())
        return false;
    std::fprintf(stderr, "%s: %s\n", what, condition.text());
    return true;
}

void print(DcmItem &report, const DcmTagKey &sequence, const char *word)
{
    DcmItem *item = nullptr;
    for (long number = 0; report.findAndGetSequenceItem(sequence, item, number).good(); ++number) {
        OFString instance;
        item->findAndGetOFString(DCM_ReferencedSOPInstanceUID, instance);
        Uint16 reason = 0;
        if (item->findAndGetUint16(DCM_FailureReason, reason).good())
            std::printf("%s %s %04X\n", word, instance.c_str(), reason);
        else
            std::printf("%s %s\n", word, instance.c_str());
    }
}

} // namespace

int main(int count, char *words[])
{
    if (count < 4) {
        std::fprintf(stderr, "usage: commit_scu PORT CALLED-AE-TITLE SOP-CLASS:SOP-INSTANCE...\n");
        return 2;
    }
    DcmSCU scu;
    scu.setAETitle("MODALITY");
    scu.setPeerHostName("127.0.0.1");
    scu.setPeerPort(static_cast<Uint16>(std::atoi(words[1])));
    scu.setPeerAETitle(words[2]);
    OFList<OFString> syntaxes;
    syntaxes.push_back(UID_LittleEndianImplicitTransferSyntax);
    scu.addPresentationContext(UID_StorageCommitmentPushModelSOPClass, syntaxes);
    if (fails(scu.initNetwork(), "network") || fails(scu.negotiateAssociation(), "association"))
        return 1;
    DcmDataset request;
    char transaction[100];
    request.putAndInsertString(DCM_TransactionUID, dcmGenerateUniqueIdentifier(transaction));
    for (int word = 3; word < count; ++word) {
        const std::string text = words[word];
        const size_t colon = text.find(':');
        DcmItem *item = nullptr;
        if (fails(request.findOrCreateSequenceItem(DCM_ReferencedSOPSequence, item, -2), "request"))
            return 2;
        item->putAndInsertString(DCM_ReferencedSOPClassUID, text.substr(0, colon).c_str());
        item->putAndInsertString(DCM_ReferencedSOPInstanceUID, text.substr(colon + 1).c_str());
    }
    const T_ASC_PresentationContextID context =
        scu.findPresentationContextID(UID_StorageCommitmentPushModelSOPClass, "");
    Uint16 status = 0;
    if (fails(scu.sendACTIONRequest(context, UID_StorageCommitmentPushModelSOPInstance, 1, &request, status), "N-ACTION"))
        return 1;
    std::printf("status %04X\n", status);
    DcmDataset *report = nullptr;
    Uint16 event = 0;
    if (status != 0 || fails(scu.handleEVENTREPORTRequest(report, event, SECONDS), "N-EVENT-REPORT"))
        return 1;
    std::printf("event %u\n", event);
    print(*report, DCM_ReferencedSOPSequence, "committed");
    print(*report, DCM_FailedSOPSequence, "failed");
    delete report;
    scu.releaseAssociation();
    return 0;
}

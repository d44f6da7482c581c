//! The SOP classes that a Storage SCP takes: all of PS3.6 table A-1 (PS3.4 annexes B and GG).

/// The Verification SOP Class (PS3.4 annex A): C-ECHO.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";

/// A SOP class whose instances are transferred with C-STORE.
#[derive(PartialEq, Eq, Debug)]
pub struct StorageClass {
    /// The UID.
    pub uid: &'static str,
    /// The keyword, like `CTImageStorage`.
    pub keyword: &'static str,
    /// Whether the standard has retired it; equipment that sends it is still at work.
    pub retired: bool,
}

impl StorageClass {
    /// The standard storage class of exactly this UID (without padding).
    pub fn of_uid(uid: &str) -> Option<&'static StorageClass> {
        STORAGE_CLASSES.iter().find(|class| class.uid == uid)
    }

    /// The standard storage class of this keyword, in any case, or of this UID: what a person types.
    pub fn of_name(name: &str) -> Option<&'static StorageClass> {
        STORAGE_CLASSES.iter().find(|class| class.uid == name || class.keyword.eq_ignore_ascii_case(name))
    }
}

const CURRENT: bool = false;
const RETIRED: bool = true;

/// Every standard SOP class of the Storage and Non-Patient Object Storage service classes, in the order of their
/// UIDs; those of DICOS and DICONDE, which PS3.6 lists, too.
#[rustfmt::skip]
pub static STORAGE_CLASSES: &[StorageClass] = &[
    row("1.2.840.10008.5.1.1.27", "StoredPrintStorage", RETIRED),
    row("1.2.840.10008.5.1.1.29", "HardcopyGrayscaleImageStorage", RETIRED),
    row("1.2.840.10008.5.1.1.30", "HardcopyColorImageStorage", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.1", "ComputedRadiographyImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.1.1", "DigitalXRayImageStorageForPresentation", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.1.1.1", "DigitalXRayImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.1.2", "DigitalMammographyXRayImageStorageForPresentation", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.1.2.1", "DigitalMammographyXRayImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.1.3", "DigitalIntraOralXRayImageStorageForPresentation", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.1.3.1", "DigitalIntraOralXRayImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.2", "CTImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.2.1", "EnhancedCTImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.2.2", "LegacyConvertedEnhancedCTImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.2.3", "CTImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.2.4", "EnhancedCTImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.2.5", "LegacyConvertedEnhancedCTImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.3", "UltrasoundMultiFrameImageStorageRetired", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.3.1", "UltrasoundMultiFrameImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.4", "MRImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.4.1", "EnhancedMRImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.4.2", "MRSpectroscopyStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.4.3", "EnhancedMRColorImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.4.4", "LegacyConvertedEnhancedMRImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.5", "NuclearMedicineImageStorageRetired", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.6", "UltrasoundImageStorageRetired", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.6.1", "UltrasoundImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.6.2", "EnhancedUSVolumeStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.6.3", "PhotoacousticImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.7", "SecondaryCaptureImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.7.1", "MultiFrameSingleBitSecondaryCaptureImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.7.2", "MultiFrameGrayscaleByteSecondaryCaptureImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.7.3", "MultiFrameGrayscaleWordSecondaryCaptureImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.7.4", "MultiFrameTrueColorSecondaryCaptureImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.8", "StandaloneOverlayStorage", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.9", "StandaloneCurveStorage", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.9.1", "WaveformStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.9.1.1", "TwelveLeadECGWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.1.2", "GeneralECGWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.1.3", "AmbulatoryECGWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.1.4", "General32bitECGWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.2.1", "HemodynamicWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.3.1", "CardiacElectrophysiologyWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.4.1", "BasicVoiceAudioWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.4.2", "GeneralAudioWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.5.1", "ArterialPulseWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.6.1", "RespiratoryWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.6.2", "MultichannelRespiratoryWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.7.1", "RoutineScalpElectroencephalogramWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.7.2", "ElectromyogramWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.7.3", "ElectrooculogramWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.7.4", "SleepElectroencephalogramWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.8.1", "BodyPositionWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.100.1", "WaveformPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.9.100.2", "WaveformAcquisitionPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.10", "StandaloneModalityLUTStorage", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.11", "StandaloneVOILUTStorage", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.11.1", "GrayscaleSoftcopyPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.2", "ColorSoftcopyPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.3", "PseudoColorSoftcopyPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.4", "BlendingSoftcopyPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.5", "XAXRFGrayscaleSoftcopyPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.6", "GrayscalePlanarMPRVolumetricPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.7", "CompositingPlanarMPRVolumetricPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.8", "AdvancedBlendingPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.9", "VolumeRenderingVolumetricPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.10", "SegmentedVolumeRenderingVolumetricPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.11", "MultipleVolumeRenderingVolumetricPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.11.12", "VariableModalityLUTSoftcopyPresentationStateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.12.1", "XRayAngiographicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.12.1.1", "EnhancedXAImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.12.2", "XRayRadiofluoroscopicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.12.2.1", "EnhancedXRFImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.12.3", "XRayAngiographicBiPlaneImageStorage", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.13.1.1", "XRay3DAngiographicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.13.1.2", "XRay3DCraniofacialImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.13.1.3", "BreastTomosynthesisImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.13.1.4", "BreastProjectionXRayImageStorageForPresentation", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.13.1.5", "BreastProjectionXRayImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.14.1",
        "IntravascularOpticalCoherenceTomographyImageStorageForPresentation", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.14.2",
        "IntravascularOpticalCoherenceTomographyImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.20", "NuclearMedicineImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.30", "ParametricMapStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66", "RawDataStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.1", "SpatialRegistrationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.2", "SpatialFiducialsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.3", "DeformableSpatialRegistrationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.4", "SegmentationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.5", "SurfaceSegmentationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.6", "TractographyResultsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.7", "LabelMapSegmentationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.66.8", "HeightMapSegmentationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.67", "RealWorldValueMappingStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.68.1", "SurfaceScanMeshStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.68.2", "SurfaceScanPointCloudStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1", "VLImageStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.77.1.1", "VLEndoscopicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.1.1", "VideoEndoscopicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.2", "VLMicroscopicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.2.1", "VideoMicroscopicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.3", "VLSlideCoordinatesMicroscopicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.4", "VLPhotographicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.4.1", "VideoPhotographicImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.1", "OphthalmicPhotography8BitImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.2", "OphthalmicPhotography16BitImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.3", "StereometricRelationshipStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.4", "OphthalmicTomographyImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.5",
        "WideFieldOphthalmicPhotographyStereographicProjectionImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.6", "WideFieldOphthalmicPhotography3DCoordinatesImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.7", "OphthalmicOpticalCoherenceTomographyEnFaceImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.5.8",
        "OphthalmicOpticalCoherenceTomographyBscanVolumeAnalysisStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.6", "VLWholeSlideMicroscopyImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.7", "DermoscopicPhotographyImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.8", "ConfocalMicroscopyImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.1.9", "ConfocalMicroscopyTiledPyramidalImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.77.2", "VLMultiFrameImageStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.78.1", "LensometryMeasurementsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.78.2", "AutorefractionMeasurementsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.78.3", "KeratometryMeasurementsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.78.4", "SubjectiveRefractionMeasurementsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.78.5", "VisualAcuityMeasurementsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.78.6", "SpectaclePrescriptionReportStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.78.7", "OphthalmicAxialMeasurementsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.78.8", "IntraocularLensCalculationsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.79.1", "MacularGridThicknessAndVolumeReportStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.80.1", "OphthalmicVisualFieldStaticPerimetryMeasurementsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.81.1", "OphthalmicThicknessMapStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.82.1", "CornealTopographyMapStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.1", "TextSRStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.88.2", "AudioSRStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.88.3", "DetailSRStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.88.4", "ComprehensiveSRStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.88.11", "BasicTextSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.22", "EnhancedSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.33", "ComprehensiveSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.34", "Comprehensive3DSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.35", "ExtensibleSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.40", "ProcedureLogStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.50", "MammographyCADSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.59", "KeyObjectSelectionDocumentStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.65", "ChestCADSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.67", "XRayRadiationDoseSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.68", "RadiopharmaceuticalRadiationDoseSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.69", "ColonCADSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.70", "ImplantationPlanSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.71", "AcquisitionContextSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.72", "SimplifiedAdultEchoSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.73", "PatientRadiationDoseSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.74", "PlannedImagingAgentAdministrationSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.75", "PerformedImagingAgentAdministrationSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.76", "EnhancedXRayRadiationDoseSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.88.77", "WaveformAnnotationSRStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.90.1", "ContentAssessmentResultsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.91.1", "MicroscopyBulkSimpleAnnotationsStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.104.1", "EncapsulatedPDFStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.104.2", "EncapsulatedCDAStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.104.3", "EncapsulatedSTLStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.104.4", "EncapsulatedOBJStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.104.5", "EncapsulatedMTLStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.128", "PositronEmissionTomographyImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.128.1", "LegacyConvertedEnhancedPETImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.129", "StandalonePETCurveStorage", RETIRED),
    row("1.2.840.10008.5.1.4.1.1.130", "EnhancedPETImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.131", "BasicStructuredDisplayStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.200.1", "CTDefinedProcedureProtocolStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.200.2", "CTPerformedProcedureProtocolStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.200.3", "ProtocolApprovalStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.200.7", "XADefinedProcedureProtocolStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.200.8", "XAPerformedProcedureProtocolStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.201.1", "InventoryStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.1", "RTImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.2", "RTDoseStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.3", "RTStructureSetStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.4", "RTBeamsTreatmentRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.5", "RTPlanStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.6", "RTBrachyTreatmentRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.7", "RTTreatmentSummaryRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.8", "RTIonPlanStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.9", "RTIonBeamsTreatmentRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.10", "RTPhysicianIntentStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.11", "RTSegmentAnnotationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.12", "RTRadiationSetStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.13", "CArmPhotonElectronRadiationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.14", "TomotherapeuticRadiationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.15", "RoboticArmRadiationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.16", "RTRadiationRecordSetStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.17", "RTRadiationSalvageRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.18", "TomotherapeuticRadiationRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.19", "CArmPhotonElectronRadiationRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.20", "RoboticRadiationRecordStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.21", "RTRadiationSetDeliveryInstructionStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.22", "RTTreatmentPreparationStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.23", "EnhancedRTImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.24", "EnhancedContinuousRTImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.481.25", "RTPatientPositionAcquisitionInstructionStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.501.1", "DICOSCTImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.501.2.1", "DICOSDigitalXRayImageStorageForPresentation", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.501.2.2", "DICOSDigitalXRayImageStorageForProcessing", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.501.3", "DICOSThreatDetectionReportStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.501.4", "DICOS2DAITStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.501.5", "DICOS3DAITStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.501.6", "DICOSQuadrupoleResonanceStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.601.1", "EddyCurrentImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.601.2", "EddyCurrentMultiFrameImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.601.3", "ThermographyImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.601.4", "ThermographyMultiFrameImageStorage", CURRENT),
    row("1.2.840.10008.5.1.4.1.1.601.5", "UltrasoundWaveformStorage", CURRENT),
    row("1.2.840.10008.5.1.4.34.1", "RTBeamsDeliveryInstructionStorageTrial", RETIRED),
    row("1.2.840.10008.5.1.4.34.7", "RTBeamsDeliveryInstructionStorage", CURRENT),
    row("1.2.840.10008.5.1.4.34.10", "RTBrachyApplicationSetupDeliveryInstructionStorage", CURRENT),
    row("1.2.840.10008.5.1.4.38.1", "HangingProtocolStorage", CURRENT),
    row("1.2.840.10008.5.1.4.39.1", "ColorPaletteStorage", CURRENT),
    row("1.2.840.10008.5.1.4.43.1", "GenericImplantTemplateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.44.1", "ImplantAssemblyTemplateStorage", CURRENT),
    row("1.2.840.10008.5.1.4.45.1", "ImplantTemplateGroupStorage", CURRENT),
];

const fn row(uid: &'static str, keyword: &'static str, retired: bool) -> StorageClass {
    StorageClass { uid, keyword, retired }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::Uid;
    use std::collections::HashSet;

    /// The numbers are those of PS3.6 table A-1 (2025), against which the table was compared with the copies of
    /// pydicom, pynetdicom and dicom-rs.
    #[test]
    fn the_table_is_complete() {
        assert_eq!(STORAGE_CLASSES.len(), 214);
        assert_eq!(STORAGE_CLASSES.iter().filter(|class| class.retired).count(), 20);
    }

    #[test]
    fn rows_are_valid_unique_and_in_the_order_of_their_uids() {
        let numbers = |uid: &str| uid.split('.').map(|n| n.parse::<u32>().unwrap()).collect::<Vec<_>>();
        assert!(STORAGE_CLASSES.is_sorted_by(|a, b| numbers(a.uid) < numbers(b.uid)));
        assert!(STORAGE_CLASSES.iter().all(|class| Uid::parse(class.uid).is_ok()));
        let keywords: HashSet<_> = STORAGE_CLASSES.iter().map(|class| class.keyword).collect();
        assert_eq!(keywords.len(), STORAGE_CLASSES.len());
    }

    #[test]
    fn what_is_stored_is_found_and_what_is_not_stored_is_not() {
        assert_eq!(StorageClass::of_uid("1.2.840.10008.5.1.4.1.1.2").unwrap().keyword, "CTImageStorage");
        assert_eq!(
            StorageClass::of_name("ctimagestorage"),
            StorageClass::of_uid("1.2.840.10008.5.1.4.1.1.2")
        );
        assert!(StorageClass::of_uid("1.2.840.10008.5.1.4.1.1.3").unwrap().retired);
        for query_or_commitment in [VERIFICATION, "1.2.840.10008.1.20.1", "1.2.840.10008.5.1.4.1.2.1.1", ""] {
            assert_eq!(StorageClass::of_uid(query_or_commitment), None);
        }
    }
}

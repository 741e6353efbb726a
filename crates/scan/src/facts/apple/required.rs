//! What Apple asks a reason or a description for: APIs by which devices can be told apart, and APIs that ask people for a
//! permission.
//!
//! As of 2026-11: <https://developer.apple.com/documentation/bundleresources/describing-use-of-required-reason-api> and
//! <https://developer.apple.com/documentation/bundleresources/protected-resources>. Names that other code has, too, such as
//! the selector `creationDate`, are left out.

/// APIs of one category.
pub(super) struct Category {
    /// Its name, behind `NSPrivacyAccessedAPICategory`.
    pub name: &'static str,
    /// The reasons that are allowed.
    reasons: &'static [&'static str],
    /// Symbols, without the underscore of C.
    symbols: &'static [&'static str],
    /// Selectors of Objective-C.
    selectors: &'static [&'static str],
}

const CATEGORIES: &[Category] = &[
    Category {
        name: "FileTimestamp",
        reasons: &["DDA9.1", "C617.1", "3B52.1", "0A2A.1"],
        symbols: &[
            "stat",
            "fstat",
            "fstatat",
            "lstat",
            "getattrlist",
            "getattrlistat",
            "getattrlistbulk",
            "fgetattrlist",
            "NSFileCreationDate",
            "NSFileModificationDate",
            "NSURLContentModificationDateKey",
            "NSURLCreationDateKey",
        ],
        selectors: &["fileModificationDate"],
    },
    Category {
        name: "SystemBootTime",
        reasons: &["35F9.1", "8FFB.1", "3D61.1"],
        symbols: &["mach_absolute_time"],
        selectors: &["systemUptime"],
    },
    Category {
        name: "DiskSpace",
        reasons: &["85F4.1", "E174.1", "7D9E.1", "B728.1"],
        symbols: &[
            "statfs",
            "statvfs",
            "fstatfs",
            "fstatvfs",
            "NSFileSystemFreeSize",
            "NSFileSystemSize",
            "NSURLVolumeAvailableCapacityKey",
            "NSURLVolumeAvailableCapacityForImportantUsageKey",
            "NSURLVolumeAvailableCapacityForOpportunisticUsageKey",
            "NSURLVolumeTotalCapacityKey",
        ],
        selectors: &[],
    },
    Category {
        name: "ActiveKeyboards",
        reasons: &["3EC4.1", "54BD.1"],
        symbols: &[],
        selectors: &["activeInputModes"],
    },
    Category {
        name: "UserDefaults",
        reasons: &["CA92.1", "1C8F.1", "C56D.1", "AC6B.1"],
        symbols: &["OBJC_CLASS_$_NSUserDefaults"],
        selectors: &[],
    },
];

/// The reasons that are allowed in a category; `None` if there is no such category.
pub(super) fn reasons(category: &str) -> Option<&'static [&'static str]> {
    CATEGORIES.iter().find(|own| own.name == category).map(|own| own.reasons)
}

/// The category of a symbol.
pub(super) fn of_symbol(symbol: &str) -> Option<&'static Category> {
    let symbol = symbol.strip_prefix('_').unwrap_or(symbol);
    let symbol = symbol.strip_suffix("$INODE64").unwrap_or(symbol);
    CATEGORIES.iter().find(|own| own.symbols.contains(&symbol))
}

/// The category of a selector.
pub(super) fn of_selector(selector: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|own| own.selectors.contains(&selector))
}

/// Classes that ask for a permission, and the keys of which one has to say why.
const DESCRIBED: &[(&str, &[&str])] = &[
    (
        "CLLocationManager",
        &[
            "NSLocationWhenInUseUsageDescription",
            "NSLocationAlwaysAndWhenInUseUsageDescription",
            "NSLocationAlwaysUsageDescription",
        ],
    ),
    ("AVCaptureDevice", &["NSCameraUsageDescription", "NSMicrophoneUsageDescription"]),
    ("AVAudioRecorder", &["NSMicrophoneUsageDescription"]),
    ("CNContactStore", &["NSContactsUsageDescription"]),
    ("PHPhotoLibrary", &["NSPhotoLibraryUsageDescription", "NSPhotoLibraryAddUsageDescription"]),
    (
        "EKEventStore",
        &[
            "NSCalendarsUsageDescription",
            "NSCalendarsFullAccessUsageDescription",
            "NSCalendarsWriteOnlyAccessUsageDescription",
            "NSRemindersUsageDescription",
            "NSRemindersFullAccessUsageDescription",
        ],
    ),
    ("CBCentralManager", &["NSBluetoothAlwaysUsageDescription", "NSBluetoothPeripheralUsageDescription"]),
    ("CBPeripheralManager", &["NSBluetoothAlwaysUsageDescription", "NSBluetoothPeripheralUsageDescription"]),
    ("LAContext", &["NSFaceIDUsageDescription"]),
    ("CMMotionActivityManager", &["NSMotionUsageDescription"]),
    ("CMPedometer", &["NSMotionUsageDescription"]),
    ("SFSpeechRecognizer", &["NSSpeechRecognitionUsageDescription"]),
    ("HKHealthStore", &["NSHealthShareUsageDescription", "NSHealthUpdateUsageDescription"]),
    ("HMHomeManager", &["NSHomeKitUsageDescription"]),
    ("ATTrackingManager", &["NSUserTrackingUsageDescription"]),
    ("MPMediaLibrary", &["NSAppleMusicUsageDescription"]),
    ("MPMediaQuery", &["NSAppleMusicUsageDescription"]),
    ("NFCNDEFReaderSession", &["NFCReaderUsageDescription"]),
    ("NFCTagReaderSession", &["NFCReaderUsageDescription"]),
];

/// The class that a symbol refers to and the keys of which it needs one.
pub(super) fn described(symbol: &str) -> Option<(&'static str, &'static [&'static str])> {
    let class = symbol.strip_prefix("_OBJC_CLASS_$_")?;
    DESCRIBED.iter().find(|(own, _)| *own == class).copied()
}

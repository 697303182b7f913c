export default "the replacement";

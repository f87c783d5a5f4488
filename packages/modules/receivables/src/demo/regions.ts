import type { Region } from '../model.ts';

/** What the invented firm looks like in a region. */
interface RegionFacts {
  /** Two letters in customer codes and invoice numbers. */
  letters: string;
  /** How many customers the firm has there in the end: 600 in all. */
  customers: number;
  cities: readonly string[];
}

export const regionFacts: Readonly<Record<Region, RegionFacts>> = {
  ahmedabad: { letters: 'AH', customers: 38, cities: ['Ahmedabad', 'Surat', 'Vadodara', 'Rajkot'] },
  banglore: { letters: 'BG', customers: 52, cities: ['Bengaluru', 'Mysuru', 'Hubballi', 'Tumakuru'] },
  chennai: { letters: 'CH', customers: 50, cities: ['Chennai', 'Coimbatore', 'Madurai', 'Salem'] },
  delhi: { letters: 'DL', customers: 60, cities: ['New Delhi', 'Gurugram', 'Noida', 'Faridabad'] },
  export: { letters: 'EX', customers: 12, cities: ['Kathmandu', 'Dhaka', 'Colombo', 'Thimphu', 'Sharjah'] },
  goa: { letters: 'GO', customers: 14, cities: ['Panaji', 'Margao', 'Vasco da Gama'] },
  hyderabad: { letters: 'HY', customers: 46, cities: ['Hyderabad', 'Warangal', 'Karimnagar'] },
  indore: { letters: 'IN', customers: 26, cities: ['Indore', 'Bhopal', 'Ujjain'] },
  jaipur: { letters: 'JP', customers: 26, cities: ['Jaipur', 'Jodhpur', 'Udaipur', 'Kota'] },
  kolkata: { letters: 'KO', customers: 38, cities: ['Kolkata', 'Howrah', 'Durgapur', 'Siliguri'] },
  mumbai: { letters: 'MU', customers: 66, cities: ['Mumbai', 'Thane', 'Navi Mumbai', 'Panvel'] },
  nagpur: { letters: 'NG', customers: 22, cities: ['Nagpur', 'Amravati', 'Chandrapur'] },
  odisha: { letters: 'OD', customers: 22, cities: ['Bhubaneswar', 'Cuttack', 'Rourkela'] },
  pune: { letters: 'PU', customers: 48, cities: ['Pune', 'Nashik', 'Kolhapur', 'Solapur'] },
  punjab: { letters: 'PB', customers: 24, cities: ['Ludhiana', 'Amritsar', 'Mohali', 'Jalandhar'] },
  raipur: { letters: 'RP', customers: 20, cities: ['Raipur', 'Bilaspur', 'Durg'] },
  vizag: { letters: 'VZ', customers: 22, cities: ['Visakhapatnam', 'Vijayawada', 'Rajahmundry'] },
  wie: { letters: 'WI', customers: 14, cities: ['Silvassa', 'Vapi', 'Daman', 'Bhiwandi'] },
};
